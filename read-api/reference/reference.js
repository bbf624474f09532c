// The page at /docs: Swagger UI on the OpenAPI document of this shop, with a search over all endpoints and a log-in as a guest.
/* global SwaggerUIBundle */

const TOKEN = 'bearer';

/** Swagger UI searches only the names of groups. This finds endpoints by any word of their path, method, summary or group. */
const searchEndpoints = {
  fn: {
    opsFilter(groups, phrase) {
      const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
      return groups
        .map((group, name) =>
          group.update('operations', (operations) =>
            operations.filter((operation) => {
              const summary = operation.getIn(['operation', 'summary'], '');
              const text = `${name} ${operation.get('method')} ${operation.get('path')} ${summary}`.toLowerCase();
              return words.every((word) => text.includes(word));
            }),
          ),
        )
        .filter((group) => group.get('operations').size > 0);
    },
  },
  // Groups are closed, so that all of them can be seen at once. Those with something found are opened.
  statePlugins: {
    layout: {
      wrapActions: {
        updateFilter:
          (update, { layoutActions, specSelectors }) =>
          (phrase) => {
            const isSearch = Boolean(phrase);
            for (const name of specSelectors.taggedOperations().keySeq())
              layoutActions.show(['operations-tag', name], isSearch);
            return update(phrase);
          },
      },
    },
  },
};

/** Swagger UI would send the examples of optional parameters with every request. */
function withoutOptionalExamples(document) {
  const operations = Object.values(document.paths).flatMap(Object.values);
  for (const { required, schema } of operations.flatMap(({ parameters = [] }) => parameters))
    if (!required) delete schema.example;
  return document;
}

const ui = SwaggerUIBundle({
  spec: withoutOptionalExamples(await (await fetch('/openapi.json')).json()),
  dom_id: '#reference',
  // It would rewrite a link to a problem, such as /docs#out_of_stock.
  deepLinking: !/^#[^/]/.test(location.hash),
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  filter: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [searchEndpoints],
});

const told = document.querySelector('#told');

document.querySelector('#guest').addEventListener('click', async () => {
  told.textContent = '';
  try {
    const answer = await fetch('/v1/sessions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    });
    const session = await answer.json();
    if (!answer.ok) throw new Error(session.detail);
    ui.preauthorizeApiKey(TOKEN, session.token);
    told.textContent = `Requests are sent as ${session.customerId}.`;
  } catch (error) {
    told.textContent = `No session: ${error.message}`;
  }
});
