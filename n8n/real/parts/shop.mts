/**
 * A stand-in for the calls of Shopify's GraphQL API that upload a 3D model: `products`, `stagedUploadsCreate` with the upload
 * itself, and `productUpdate` (https://shopify.dev/docs/apps/build/product-merchandising/products-and-collections/manage-media).
 */
import { randomUUID } from 'node:crypto';

import { json, raw, Router, type Request, type Response as Answer } from 'express';

import { escapeHtml, renderPage } from './page.mts';

export const SHOP_TOKEN = 'shpat_stand-in';

interface Product {
	id: string;
	title: string;
	image: string;
	/** The 3D models that were added. */
	models: Buffer[];
}

interface StagedUpload {
	fileSize: number;
	policy: string;
	file?: Buffer;
}

interface Variables {
	input: Array<{
		filename: string;
		mimeType: string;
		resource: string;
		fileSize?: string;
		httpMethod?: string;
	}>;
	product: { id: string };
	media: Array<{ originalSource: string; mediaContentType: string }>;
}

const userError = (message: string) => [{ field: ['media'], message }];

/** A shop with products. */
export class Shop {
	readonly products: Product[];
	private readonly uploads = new Map<string, StagedUpload>();

	/** @param images links to the images of the products, by title */
	constructor(images: Readonly<Record<string, string>>) {
		this.products = Object.entries(images).map(([title, image], index) => ({
			id: `gid://shopify/Product/${index + 1}`,
			title,
			image,
			models: [],
		}));
	}

	/** The API, the uploads, and a page with the products at `/`. */
	readonly pages = Router()
		.get('/', (_request, response) => {
			response.send(renderPage('Shop', this.products.map(renderProduct).join('')));
		})
		.post('/admin/api/:version/graphql.json', json(), (request, response) => this.query(request, response))
		.post('/staged/:id', raw({ type: () => true, limit: '50mb' }), async (request, response) => {
			const refused = await this.upload(request.params.id ?? '', request);
			if (refused) response.status(403).type('xml').send(`<Error><Message>${refused}</Message></Error>`);
			else response.status(204).end();
		});

	private query(request: Request, response: Answer): void {
		if (request.headers['x-shopify-access-token'] !== SHOP_TOKEN) {
			response.status(401).json({ errors: '[API] Invalid API key or access token' });
			return;
		}
		const { query, variables } = request.body as { query: string; variables: Variables };
		const base = `${request.protocol}://${request.host}${request.baseUrl}`;
		if (query.includes('stagedUploadsCreate(')) {
			response.json({ data: { stagedUploadsCreate: this.stage(variables, base) } });
		} else if (query.includes('productUpdate(')) {
			response.json({ data: { productUpdate: this.update(variables) } });
		} else response.json({ data: { products: { nodes: this.products.map(describeProduct) } } });
	}

	private stage({ input }: Variables, base: string): object {
		const [file] = input;
		const fileSize = Number(file?.fileSize);
		if (file?.resource !== 'MODEL_3D' || file.httpMethod !== 'POST' || !(fileSize > 0)) {
			return { stagedTargets: [], userErrors: userError('File size is required for MODEL_3D, by POST') };
		}
		const id = randomUUID();
		const policy = randomUUID();
		this.uploads.set(id, { fileSize, policy });
		const parameters = [
			{ name: 'key', value: `tmp/${id}/${file.filename}` },
			{ name: 'content-type', value: file.mimeType },
			{ name: 'policy', value: policy },
		];
		const url = `${base}/staged/${id}`;
		return { stagedTargets: [{ url, resourceUrl: `${url}/${file.filename}`, parameters }], userErrors: [] };
	}

	/** Takes the file of a staged upload. @returns why it is refused */
	private async upload(id: string, request: Request): Promise<string | undefined> {
		const staged = this.uploads.get(id);
		const headers = { 'content-type': request.headers['content-type'] ?? '' };
		const form = await new Response(request.body as Buffer, { headers }).formData();
		if (form.get('policy') !== staged?.policy) return 'Invalid policy document.';
		// As with Google's storage, the file is the last field.
		if ([...form.keys()].at(-1) !== 'file') return 'The file must be the last field.';
		const file = Buffer.from(await (form.get('file') as Blob).arrayBuffer());
		if (file.length !== staged.fileSize) return 'The file does not have the size that was announced.';
		staged.file = file;
		return undefined;
	}

	private update({ product: { id }, media: [medium] }: Variables): object {
		const product = this.products.find((candidate) => candidate.id === id);
		const [, staged = ''] = /\/staged\/([^/]+)\//.exec(medium?.originalSource ?? '') ?? [];
		const file = this.uploads.get(staged)?.file;
		if (!product || !file || medium?.mediaContentType !== 'MODEL_3D') {
			return { product: null, userErrors: userError('Invalid 3D model source') };
		}
		product.models.push(file);
		return { product: describeProduct(product), userErrors: [] };
	}
}

function describeProduct({ id, title, image, models }: Product): object {
	const media = [{ mediaContentType: 'IMAGE' }, ...models.map(() => ({ mediaContentType: 'MODEL_3D' }))];
	return { id, title, featuredMedia: { preview: { image: { url: image } } }, media: { nodes: media } };
}

function renderProduct({ title, image, models }: Product): string {
	const sizes = models.map(({ length }) => `<p>3D model, ${length} bytes</p>`);
	return `<article><img alt="" src="${escapeHtml(image)}">${escapeHtml(title)}${sizes.join('')}</article>`;
}
