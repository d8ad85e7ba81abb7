/** The repository's Markdown documents, parsed: what they link to, and what their tables say. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import GithubSlugger from 'github-slugger';
import { lexer, walkTokens, type Token, type Tokens } from 'marked';

import { readText } from '../support/own-files.mts';

/** What is not the repository's own, or is made. */
const SKIPPED = new Set(['node_modules', 'dist', 'out', '.cache', '.git']);

/** Markdown files, from the root. */
export function documents(folder = '.'): string[] {
	return readdirSync(folder, { withFileTypes: true })
		.filter(({ name }) => !SKIPPED.has(name))
		.flatMap((entry) => {
			const path = join(folder, entry.name);
			if (entry.isDirectory()) return documents(path);
			return entry.name.endsWith('.md') ? [path] : [];
		});
}

export interface Table {
	/** The heading that it stands under. */
	heading: string;
	columns: string[];
	rows: Cell[][];
}

export interface Cell {
	text: string;
	/** What is in italics. */
	emphasized: string[];
}

export class Document {
	private readonly tokens: Token[];

	/** @param path from the root */
	constructor(
		readonly path: string,
		text = readText(path),
	) {
		this.tokens = lexer(text);
	}

	/** The names under which its headings can be linked to, as GitHub makes them. */
	anchors(): string[] {
		const slugger = new GithubSlugger();
		return this.all('heading').map((heading) => slugger.slug(plain(heading)));
	}

	/** What its links and pictures lead to, in HTML too. */
	links(): string[] {
		const found: string[] = [];
		walkTokens(this.tokens, (token) => {
			if (token.type === 'link' || token.type === 'image') found.push((token as Tokens.Link).href);
			if (token.type !== 'html') return;
			for (const [, target] of token.raw.matchAll(/\b(?:src|href)="([^"]*)"/g))
				if (target) found.push(target);
		});
		return found;
	}

	/** The same, as paths from the root. */
	linksFromRoot(): string[] {
		return this.links().map((link) => join(dirname(this.path), link));
	}

	/** The first part of each npm command that it names, after `npm` or `npm run`. */
	commands(): Array<{ name: string; isRun: boolean }> {
		const found: Array<{ name: string; isRun: boolean }> = [];
		walkTokens(this.tokens, (token) => {
			if (token.type !== 'code' && token.type !== 'codespan') return;
			for (const [, run, name] of token.raw.matchAll(/\bnpm (run )?(?:--\S+ )*([a-z][\w:-]*)/g)) {
				if (name) found.push({ name, isRun: run !== undefined });
			}
		});
		return found;
	}

	tables(): Table[] {
		let heading = '';
		return this.tokens.flatMap((token): Table[] => {
			if (token.type === 'heading') heading = plain(token);
			if (token.type !== 'table') return [];
			const { header, rows } = token as Tokens.Table;
			const cell = (from: Tokens.TableCell): Cell => ({
				text: from.tokens.map(plain).join('').trim(),
				emphasized: from.tokens.filter(({ type }) => type === 'em').map(plain),
			});
			return [
				{ heading, columns: header.map((from) => cell(from).text), rows: rows.map((row) => row.map(cell)) },
			];
		});
	}

	/** The table under a heading whose first column has this title. */
	table(heading: string, first: string): Table {
		const table = this.tables().find(
			({ heading: above, columns }) => above === heading && columns[0] === first,
		);
		if (!table) throw new Error(`${this.path} has no table of "${first}" under "${heading}".`);
		return table;
	}

	/** The texts of the first columns of a table, row by row. */
	rows(heading: string, first: string, columns: number): string[][] {
		return this.table(heading, first).rows.map((row) => row.slice(0, columns).map(({ text }) => text));
	}

	private all(type: string): Token[] {
		const found: Token[] = [];
		walkTokens(this.tokens, (token) => {
			if (token.type === type) found.push(token);
		});
		return found;
	}
}

/** What a person reads of a token. */
function plain(token: Token): string {
	if ('tokens' in token && token.tokens) return token.tokens.map(plain).join('');
	return 'text' in token && token.type !== 'html' && token.type !== 'image' ? String(token.text) : '';
}

/** Why a link leads nowhere, if it does; what is not in the repository is not looked at. */
export function deadEnd(from: Document, link: string): string | undefined {
	if (/^[a-z]+:/i.test(link)) return undefined;
	const [file = '', anchor] = link.split('#');
	const path = file === '' ? from.path : join(dirname(from.path), decodeURIComponent(file));
	if (!existsSync(path)) return `${from.path}: ${link} is not there`;
	if (anchor === undefined) return undefined;
	const target = path === from.path ? from : new Document(path);
	return target.anchors().includes(anchor) ? undefined : `${from.path}: ${link} has no such heading`;
}
