// The JavaScript SDK as the tests drive it: the client's configuration is the argument; then, for each line of JSON on
// stdin, one on stdout. {operation, input} is one call; with paginate, all pages of a list.
"use strict";
const { createInterface } = require("node:readline");
const sdk = require("@aws-sdk/client-transfer");

const client = new sdk.TransferClient(JSON.parse(process.argv[2]));

async function call(operation, input) {
	const { $metadata, ...output } = await client.send(new sdk[`${operation}Command`](input));
	return { output, metadata: $metadata };
}

async function pages(operation, input, pageSize) {
	const outputs = [];
	for await (const { $metadata, ...output } of sdk[`paginate${operation}`]({ client, pageSize }, input))
		outputs.push(output);
	return { pages: outputs };
}

function refusal(error) {
	const { name, message, $fault, $metadata, $response, $service, ...members } = error;
	const classes = Object.keys(sdk).filter((key) => sdk[key]?.prototype instanceof Error && error instanceof sdk[key]);
	return { error: { name, message, fault: $fault, metadata: $metadata, classes, members } };
}

async function main() {
	for await (const line of createInterface({ input: process.stdin })) {
		const { operation, input, paginate, pageSize } = JSON.parse(line);
		const answer = await (paginate ? pages(operation, input, pageSize) : call(operation, input)).catch(refusal);
		console.log(JSON.stringify({ ...answer, clockOffset: client.config.systemClockOffset }));
	}
}

main();
