/**
 * A stand-in for Telegram's Bot API, as far as n8n's Telegram nodes use it for a chat with one person
 * (https://core.telegram.org/bots/api). What was said is shown on a page.
 */
import axios from 'axios';
import { Router, raw, type Request } from 'express';

import { escapeHtml, renderImage, renderPage } from './page.mts';

/** Any token is accepted. */
export const BOT_TOKEN = '1:stand-in';

const CHAT = { id: 7, type: 'private', first_name: 'Ada' };

interface Said {
	by: 'own' | 'bot';
	text: string;
	file?: Buffer;
}

interface Webhook {
	url: string;
	secret_token?: string;
}

/** Reads the parameters of a method, as JSON or as a form with files. */
async function readParameters(request: Request): Promise<FormData | Map<string, unknown>> {
	const type = request.headers['content-type'] ?? '';
	const body = request.body as Buffer | undefined;
	if (!body?.length) return new Map();
	if (!type.startsWith('multipart/')) {
		return new Map(Object.entries(JSON.parse(body.toString()) as object));
	}
	return await new Response(body, { headers: { 'content-type': type } }).formData();
}

/** One chat with the bot. */
export class Chat {
	readonly said: Said[] = [];
	private readonly photos: Buffer[] = [];
	private updates = 0;
	webhook?: Webhook;
	/** Called when the bot begins to listen. */
	onListen?: () => void;

	/** Sends a photo to the bot, as a person does. */
	async sendPhoto(photo: Buffer): Promise<void> {
		this.said.push({ by: 'own', text: '', file: photo });
		const file_id = String(this.photos.push(photo) - 1);
		const sizes = [90, 320, 800].map((width) => ({ file_id, file_unique_id: file_id, width, height: width }));
		await this.call({ photo: sizes });
	}

	/** Sends a text to the bot, as a person does. */
	async sendText(text: string): Promise<void> {
		this.said.push({ by: 'own', text });
		await this.call({ text });
	}

	private async call(message: object): Promise<void> {
		if (!this.webhook) throw new Error('The bot does not listen.');
		const { url, secret_token } = this.webhook;
		const id = ++this.updates;
		const date = Math.floor(Date.now() / 1000);
		await axios.post(
			url,
			{ update_id: id, message: { message_id: id, date, chat: CHAT, from: CHAT, ...message } },
			{ proxy: false, headers: { 'X-Telegram-Bot-Api-Secret-Token': secret_token } },
		);
	}

	/** The API, and the page with what was said at `/`. */
	readonly pages = Router()
		.use(raw({ type: () => true, limit: '50mb' }))
		.get('/', (_request, response) => {
			response.send(renderPage('Chat', this.said.map(renderSaid).join('')));
		})
		.get('/file/:bot/photos/:name', ({ params }, response) => {
			response.type('jpg').send(this.photos[Number.parseInt(params.name)]);
		})
		.all('/:bot/:method', async (request, response) => {
			const result = await this.answer(request.params.method ?? '', request);
			if (result === undefined) response.status(404).json({ ok: false, description: 'Not Found' });
			else response.json({ ok: true, result });
		});

	/** @returns the result of a method, or `undefined` if the stand-in does not know it */
	private async answer(method: string, request: Request): Promise<unknown> {
		const parameters = await readParameters(request);
		const text = (name: string) => String(parameters.get(name) ?? '');
		switch (method) {
			case 'getMe':
				return { id: 1, is_bot: true, first_name: 'Turntables' };
			case 'getWebhookInfo':
				return { url: this.webhook?.url ?? '' };
			case 'setWebhook':
				this.webhook = { url: text('url'), secret_token: text('secret_token') };
				this.onListen?.();
				return true;
			case 'deleteWebhook':
				this.webhook = undefined;
				return true;
			case 'getFile':
				return { file_path: `photos/${String(request.query.file_id)}.jpg` };
			case 'sendChatAction':
				return true;
			case 'sendMessage':
				return this.receive({ by: 'bot', text: text('text') });
			case 'sendAnimation': {
				const file = Buffer.from(await (parameters.get('animation') as Blob).arrayBuffer());
				return this.receive({ by: 'bot', text: text('caption'), file });
			}
			default:
				return undefined;
		}
	}

	private receive(said: Said): object {
		return { message_id: this.said.push(said), chat: CHAT };
	}
}

function renderSaid({ by, text, file }: Said): string {
	const image = file ? renderImage(file, by === 'bot' ? 'image/gif' : 'image/jpeg') : '';
	return `<article class="${by}">${image}${escapeHtml(text)}</article>`;
}
