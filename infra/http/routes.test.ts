import { expect } from 'chai';
import type { RequestHandler } from 'express';
import { routing } from './routes.js';

describe('The routes', () => {
  const paths = ['/', '/v1/carts', '/v1/carts/current', '/v1/carts/current/merge', '/v1/carts/{id}'];
  const deep = ['/v1/carts/{id}/lines/{lineId}', '/v1/carts/{id}/lines', '/v1/shop'];

  /** The path that was matched, the kind of its handler and the parameters; undefined if nothing was. */
  function match(path: string, method = 'GET') {
    let matched: object | undefined;
    const handlerOf =
      (path: string, kind: string): RequestHandler =>
      (req) => {
        matched = { path, kind, ...req.params };
      };
    const route = routing(
      [...paths, ...deep].map((path) => ({
        path,
        methods: { get: handlerOf(path, 'get') },
        otherwise: handlerOf(path, 'otherwise'),
      })),
    );
    void route({ path, method } as never, {} as never, () => {});
    return matched;
  }

  it('match whole segments, and give the parameters decoded', () => {
    expect(match('/')).to.deep.equal({ path: '/', kind: 'get' });
    expect(match('/v1/carts')).to.deep.equal({ path: '/v1/carts', kind: 'get' });
    expect(match('/v1/carts/a%2Fb%C3%A9')).to.deep.equal({ path: '/v1/carts/{id}', kind: 'get', id: 'a/bé' });
    const line = { path: '/v1/carts/{id}/lines/{lineId}', kind: 'get', id: 'c', lineId: '1' };
    expect(match('/v1/carts/c/lines/1')).to.deep.equal(line);
  });

  it('prefer literal segments, and go back to a parameter if the literal leads nowhere', () => {
    expect(match('/v1/carts/current')).to.include({ path: '/v1/carts/current' });
    expect(match('/v1/carts/current/lines')).to.include({ path: '/v1/carts/{id}/lines', id: 'current' });
  });

  it('match nothing for another case, a slash more or less, an empty segment or an unknown path', () => {
    const unknown = [
      '/V1/carts',
      '/v1/carts/',
      '//v1/carts',
      '/v1//carts',
      '/v1/carts//lines',
      '/v1',
      '/v1/carts/c/x',
      '',
    ];
    for (const path of unknown) expect(match(path), path).to.equal(undefined);
  });

  it('answer HEAD as GET, and give all other methods to one handler', () => {
    expect(match('/v1/shop', 'HEAD')).to.include({ kind: 'get' });
    for (const method of ['POST', 'OPTIONS', 'CONSTRUCTOR', '__PROTO__']) {
      expect(match('/v1/shop', method), method).to.include({ kind: 'otherwise' });
    }
  });

  it('refuse a segment that is not percent-encoded UTF-8', () => {
    expect(() => match('/v1/carts/%ff'))
      .to.throw(URIError)
      .with.property('status', 400);
  });
});
