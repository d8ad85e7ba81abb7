/** The web pages on which a person sees what the parts have received. */

export function escapeHtml(text: string): string {
	return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @param body HTML */
export function renderPage(title: string, body: string): string {
	const style = `body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; color: #222 }
article { border: 1px solid #ccc; border-radius: 8px; padding: 1rem; margin: 1rem 0 }
article.own { background: #e7f3dc; margin-left: 30% } article.bot { margin-right: 30% }
img { max-width: 256px; display: block } dt { color: #777 }`;
	const head = `<meta charset="utf-8"><title>${title}</title><style>${style}</style>`;
	return `<!doctype html><html lang="en"><head>${head}</head><body><h1>${title}</h1>${body || '<p>Nothing yet.</p>'}</body></html>`;
}

/** Renders an image that the page itself contains. */
export function renderImage(bytes: Buffer, type: string): string {
	return `<img alt="" src="data:${type};base64,${bytes.toString('base64')}">`;
}
