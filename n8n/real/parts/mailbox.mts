/** A mail server on loopback. It delivers nothing: it keeps every mail, and shows it on a page. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { Router } from 'express';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

import { escapeHtml, renderImage, renderPage } from './page.mts';

export interface Mailbox {
	port: number;
	/** In the order of their arrival. */
	mails: Email[];
	/** Makes the page with all mails. */
	pages: Router;
	close(): Promise<void>;
}

/** Reads a file of a mail. */
export const readAttachment = ({ attachments }: Email, index = 0) =>
	Buffer.from(attachments[index]?.content as ArrayBuffer);

function renderMail(mail: Email): string {
	const to = (mail.to ?? []).map(({ address }) => address).join(', ');
	const files = mail.attachments.map(({ filename, mimeType }, index) => {
		const image = mimeType.startsWith('image/') ? renderImage(readAttachment(mail, index), mimeType) : '';
		return `<p>${escapeHtml(filename ?? '')}</p>${image}`;
	});
	return `<article><dl><dt>From</dt><dd>${escapeHtml(mail.from?.address ?? '')}</dd><dt>To</dt><dd>${escapeHtml(to)}</dd>
<dt>Subject</dt><dd>${escapeHtml(mail.subject ?? '')}</dd></dl><p>${escapeHtml(mail.text ?? '')}</p>${files.join('')}</article>`;
}

/** @param port 0: a free one */
export async function startMailbox(port: number): Promise<Mailbox> {
	const mails: Email[] = [];
	const server = new SMTPServer({
		authOptional: true,
		disabledCommands: ['STARTTLS', 'AUTH'],
		onData(stream, _session, done) {
			const chunks: Buffer[] = [];
			stream.on('data', (chunk: Buffer) => chunks.push(chunk));
			stream.on('end', () => {
				PostalMime.parse(Buffer.concat(chunks)).then((mail) => {
					mails.push(mail);
					done();
				}, done);
			});
		},
	});
	const listening = server.listen(port, '127.0.0.1');
	await once(listening, 'listening');
	const pages = Router().get('/', (_request, response) => {
		response.send(renderPage('Mail', mails.map(renderMail).join('')));
	});
	return {
		port: (listening.address() as AddressInfo).port,
		mails,
		pages,
		close: async () => await new Promise((resolve) => server.close(() => resolve())),
	};
}
