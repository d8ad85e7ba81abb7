/** What the examples need beside n8n and the service, on loopback: a store, a mail server, a chat, a shop, a model, and a viewer of 3D models. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import express from 'express';

import { openChatModel } from '../chat-model.mts';
import { serve, type TestServer } from '../serve.mts';
import { Chat } from './chat.mts';
import { startMailbox, type Mailbox } from './mailbox.mts';
import { Shop } from './shop.mts';
import { startStore } from './store.mts';

/** Ports on 127.0.0.1. 0: a free one. What n8n keeps of an earlier start has their numbers. */
export interface PartPorts {
	/** Of the pages, the chat's and the shop's API, and the viewer. */
	pages: number;
	store: number;
	mail: number;
	model: number;
}

/** The ports of the parts, and of the stand-in service, where somebody has to know them. */
export const FIXED_PORTS = { service: 3003, pages: 3004, store: 3005, mail: 3006, model: 3007 };

export interface Parts {
	/** It has the pages `/mail`, `/chat` and `/shop`, and the script `/model-viewer.min.js`. */
	origin: string;
	store: TestServer;
	mailbox: Mailbox;
	chat: Chat;
	shop: Shop;
	/** A chat model that calls its tool for each link. */
	model: TestServer;
	stop(): Promise<void>;
}

const VIEWER = join('node_modules', '@google', 'model-viewer', 'dist', 'model-viewer.min.js');

/** @param folder in which the store keeps its files @param samples the address of the sample images */
export async function startParts(
	folder: string,
	samples: string,
	ports: PartPorts = { pages: 0, store: 0, mail: 0, model: 0 },
): Promise<Parts> {
	mkdirSync(folder, { recursive: true });
	const store = await startStore(folder, ports.store);
	const mailbox = await startMailbox(ports.mail);
	const model = await openChatModel(ports.model);
	const chat = new Chat();
	const shop = new Shop({ Mug: `${samples}/mug.jpg`, Duck: `${samples}/duck.png` });
	const app = express()
		.use('/mail', mailbox.pages)
		.use('/chat', chat.pages)
		.use('/shop', shop.pages)
		.get('/model-viewer.min.js', (_request, response) => {
			// n8n's web pages have no origin, so that whatever they load must allow any.
			response.set('Access-Control-Allow-Origin', '*').sendFile(VIEWER, { root: process.cwd() });
		});
	const { origin, close } = await serve(app, '127.0.0.1', ports.pages);
	return {
		...{ origin, store, mailbox, chat, shop, model },
		stop: async () => {
			await Promise.all([close(), store.close(), mailbox.close(), model.close()]);
		},
	};
}
