/** The contrast of an icon, by WCAG 2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio). */

export type Theme = 'light' | 'dark';

/** The backgrounds that n8n's rule `icon-contrast` compares with. */
export const BACKGROUNDS: Record<Theme, string> = { light: '#ffffff', dark: '#2b2b2b' };

/** The class of shapes that lie within another one, and so do not meet the background. */
const INNER = /<g class="inner">[^]*?<\/g>/g;

/** The colors of an SVG that meet the background: those of fills and strokes, in hex, without masks and inner shapes. */
export function readPaints(svg: string): string[] {
	const outer = svg.replace(/<mask[^]*?<\/mask>/g, '').replace(INNER, '');
	const paints = [...outer.matchAll(/(?:fill|stroke)="(#[0-9a-f]{6})"/gi)].map(([, paint = '']) => paint);
	return [...new Set(paints)];
}

/** @returns from 1, for the same color, to 21, for black on white */
export function findContrast(one: string, other: string): number {
	const [lighter = 0, darker = 0] = [findLuminance(one), findLuminance(other)].sort((a, b) => b - a);
	return (lighter + 0.05) / (darker + 0.05);
}

function findLuminance(color: string): number {
	const number = Number.parseInt(color.slice(1), 16);
	const [red = 0, green = 0, blue = 0] = [number >> 16, (number >> 8) & 255, number & 255].map((channel) => {
		const share = channel / 255;
		return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
