// The pages for people: the reference of the API at /docs, and an introduction at /.
import { join } from 'node:path';
import { repositoryRoot } from '../engines/folders.js';
import type { Answer } from './answer.js';
import { fileAnswer, policyOf } from './files.js';
import type { OpenApiDocument } from './openapi.js';
import { PROBLEMS } from './problems.js';

/** The style sheet of Swagger UI has its pictures inside. */
const POLICY = policyOf("img-src 'self' data:");

/** Own files in `read-api/reference`. */
const OWN = ['reference.js', 'reference.css'];
const SWAGGER_UI = ['swagger-ui-bundle.js', 'swagger-ui.css'];

/** The reference of the API: a page on Swagger UI. Answers by path. */
export function referenceFiles(document: () => OpenApiDocument): Record<string, () => Promise<Answer>> {
  const root = repositoryRoot();
  const filesIn = (folder: string, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [`/docs/${name}`, fileAnswer(join(root, folder, name), POLICY)]));
  const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': POLICY };
  return {
    '/docs': async () => ({ status: 200, headers, body: referencePage(document()), seen: [] }),
    ...filesIn('read-api/reference', OWN),
    ...filesIn('node_modules/swagger-ui-dist', SWAGGER_UI),
  };
}

/** The problems have anchors, because the `type` of a problem links to its own. */
function referencePage({ info }: OpenApiDocument): string {
  const problems = Object.entries(PROBLEMS).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(title)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.title)} API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/reference.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/reference.js" type="module"></script>
</head>
<body>
<header>
<h1>${escapeHtml(info.title)} API</h1>
<p>${escapeHtml(info.description ?? '')} The OpenAPI document is <a href="/openapi.json">/openapi.json</a>.</p>
<p><button type="button" id="guest">Begin a session as a guest</button><span id="told" role="status"></span></p>
<p>Staff paste a token after <b>Authorize</b>. <code>commerce token --role support</code> prints one.</p>
</header>
<div id="reference"><noscript><p>The reference needs JavaScript. The OpenAPI document does not.</p></noscript></div>
<section id="problems">
<h2>Problems</h2>
<p>Every error is <code>application/problem+json</code> (RFC 9457). Clients should branch on <code>code</code>.</p>
<table>${problems.join('\n')}</table>
</section>
</body>
</html>
`;
}

export interface Welcome {
  name: string;
  description: string;
  docs: string;
  openapi: string;
  api: string;
}

const WELCOME_STYLE =
  'body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }';

export function welcomePage({ name, description, docs, openapi, api }: Welcome): string {
  const link = (path: string) => `<a href="${path}">${path}</a>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${name}</title><style>${WELCOME_STYLE}</style></head><body>
<h1>${name}</h1><p>${description}</p>
<p>Documentation: ${link(docs)}. OpenAPI document: ${link(openapi)}. All endpoints are under ${link(api)}.</p>
</body></html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
