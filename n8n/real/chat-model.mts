/** A chat model on loopback. */
import type { RequestListener } from 'node:http';

import { serve, type TestServer } from './serve.mts';

interface Message {
	role: string;
	content: string | Array<{ text?: string }> | null;
}

/** What an agent asks the model. */
export interface Completion {
	model: string;
	stream?: boolean;
	messages: Message[];
	tools?: Array<{ function: { name: string; description: string; parameters: { properties: object } } }>;
}

/** What the model's tools have answered, as the model reads it. */
export const readToolAnswers = ({ messages }: Pick<Completion, 'messages'>) =>
	messages.filter(({ role }) => role === 'tool').map(readText);

const readText = ({ content }: Message) =>
	typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join(' ');

const findLinks = (text: string) => [...new Set(text.match(/https?:\/\/[^\s"'\\<>)\]]+/g) ?? [])];

/** Composes the next message of the model: a tool call for each link in the message, and then the links in the tool's results. */
function composeReply({ messages, tools = [] }: Completion): object {
	const results = readToolAnswers({ messages });
	if (results.length > 0) {
		const links = findLinks(results.join(' ')).filter((link) => /\.gif$|\/signed\?/.test(link));
		return {
			role: 'assistant',
			content: links.length > 0 ? `Here it is: ${links.join(' ')}` : results.join(' '),
		};
	}
	const [tool] = tools;
	// An agent adds the images of its item, in a message of their own.
	const links = findLinks(
		messages.flatMap((message) => (message.role === 'user' ? readText(message) : [])).join(' '),
	);
	if (!tool || links.length === 0) return { role: 'assistant', content: 'Which picture?' };
	const [parameter = 'input'] = Object.keys(tool.function.parameters.properties);
	const calls = links.map((link, index) => ({
		index,
		id: `call_${index}`,
		type: 'function',
		function: { name: tool.function.name, arguments: JSON.stringify({ [parameter]: link }) },
	}));
	return { role: 'assistant', content: null, tool_calls: calls };
}

/** Starts a server for an agent with one tool: OpenAI's chat completions, whole or as a stream. @param port 0: a free one */
export async function openChatModel(port = 0): Promise<TestServer & { asked: Completion[] }> {
	const asked: Completion[] = [];
	const listener: RequestListener = (request, response) => {
		let text = '';
		request.on('data', (chunk: Buffer) => (text += chunk.toString()));
		request.on('end', () => {
			if (!request.url?.endsWith('/chat/completions')) {
				response.setHeader('Content-Type', 'application/json').end('{"object":"list","data":[]}');
				return;
			}
			const completion = JSON.parse(text) as Completion;
			asked.push(completion);
			const message = composeReply(completion);
			const head = { id: 'completion', created: 1, model: completion.model };
			const finish_reason = 'tool_calls' in message ? 'tool_calls' : 'stop';
			if (!completion.stream) {
				const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
				const choices = [{ index: 0, message, finish_reason }];
				response
					.setHeader('Content-Type', 'application/json')
					.end(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }));
				return;
			}
			response.setHeader('Content-Type', 'text/event-stream');
			for (const choice of [
				{ index: 0, delta: message, finish_reason: null },
				{ index: 0, delta: {}, finish_reason },
			]) {
				const chunk = { ...head, object: 'chat.completion.chunk', choices: [choice] };
				response.write(`data: ${JSON.stringify(chunk)}\n\n`);
			}
			response.end('data: [DONE]\n\n');
		});
	};
	const server = await serve(listener, '127.0.0.1', port);
	return { ...server, asked };
}
