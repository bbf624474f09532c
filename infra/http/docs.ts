// The pages for people, without external resources: the OpenAPI document at /docs, and an introduction at /.
import type { OpenApiDocument } from './openapi.js';
import { PROBLEMS } from './problems.js';

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
  h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd }
  summary { cursor: pointer; padding: .3rem 0 } code, pre { font: 13px/1.45 ui-monospace, monospace }
  pre { background: #f6f6f6; padding: .8rem; overflow: auto } .method { display: inline-block; width: 4.5rem; font-weight: 600 }
  table { border-collapse: collapse } td, th { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top }`;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

type OpenApiOperation = NonNullable<NonNullable<NonNullable<OpenApiDocument['paths']>[string]>['get']>;

export function docsPage({ info, paths, components }: OpenApiDocument): string {
  const operations = Object.entries(paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item?.[method];
      return operation ? [{ method, path, operation }] : [];
    }),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? ''))].sort();
  const sections = tags.map((tag) => {
    const here = operations.filter(({ operation }) => operation.tags?.[0] === tag);
    return `<h2>${escapeHtml(tag)}</h2>${here.map(operationHtml).join('')}`;
  });

  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.title)} API</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(info.title)} API</h1><p>${escapeHtml(info.description ?? '')} The OpenAPI document is <a href="/openapi.json">/openapi.json</a>.
Send an access token as <code>Authorization: Bearer &lt;token&gt;</code>. <code>POST /v1/sessions</code> returns a token for a guest.</p>
${sections.join('\n')}
<h2>Problems</h2><p>Every error is <code>application/problem+json</code> (RFC 9457). Clients should branch on <code>code</code>.</p>${problemsHtml()}
<h2>Schemas</h2>${Object.entries(components?.schemas ?? {})
    .map(schemaHtml)
    .join('')}
</body></html>`;
}

export interface Welcome {
  name: string;
  description: string;
  docs: string;
  openapi: string;
  api: string;
}

export function welcomePage({ name, description, docs, openapi, api }: Welcome): string {
  const link = (path: string) => `<a href="${path}">${path}</a>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${name}</title><style>${STYLE}</style></head><body>
<h1>${name}</h1><p>${description}</p>
<p>Documentation: ${link(docs)}. OpenAPI document: ${link(openapi)}. All endpoints are under ${link(api)}.</p>
</body></html>`;
}

function operationHtml({
  method,
  path,
  operation,
}: {
  method: string;
  path: string;
  operation: OpenApiOperation;
}): string {
  const body = operation.requestBody && 'content' in operation.requestBody ? operation.requestBody.content : {};
  const answers = Object.entries(operation.responses ?? {}).filter(([status]) => status.startsWith('2'));
  return `<details><summary><span class="method">${method.toUpperCase()}</span><code>${escapeHtml(path)}</code> ${escapeHtml(operation.summary ?? '')}</summary>
<p>${escapeHtml(operation.description ?? '')}</p>${parametersHtml(operation)}
${contentHtml('Body', body)}${answers.map(([status, answer]) => contentHtml(status, answer.content)).join('')}</details>`;
}

function parametersHtml({ parameters = [] }: OpenApiOperation): string {
  const rows = parameters.map((parameter) => {
    if (!('name' in parameter)) return '';
    const { name, in: where, required, description = '', schema } = parameter;
    const need = required ? 'required' : 'optional';
    return `<tr><td><code>${escapeHtml(name)}</code></td><td>${where}, ${need}</td><td>${escapeHtml(description)} <code>${escapeHtml(JSON.stringify(schema))}</code></td></tr>`;
  });
  return `<table>${rows.join('')}</table>`;
}

function contentHtml(title: string, content: Record<string, { schema?: unknown }> = {}): string {
  const schemas = Object.entries(content).map(
    ([type, { schema }]) => `<p>${escapeHtml(title)} <code>${escapeHtml(type)}</code></p>${pre(schema)}`,
  );
  return schemas.join('') || `<p>${escapeHtml(title)}: empty</p>`;
}

function problemsHtml(): string {
  const rows = Object.entries(PROBLEMS).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(title)}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function schemaHtml([name, schema]: [string, unknown]): string {
  return `<details id="${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>${pre(schema)}</details>`;
}

function pre(value: unknown): string {
  return `<pre>${escapeHtml(JSON.stringify(value, undefined, 2))}</pre>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
