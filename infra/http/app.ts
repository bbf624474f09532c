// The HTTP surface of a program: the API, and the pages for operators and browsers beside it.
import type { Application } from 'express';
import { type ApiDeps, createApi } from './api.js';
import { type OperationsDeps, operations } from './operations.js';

export type AppDeps = Omit<ApiDeps, 'pages'> & OperationsDeps;

export function createApp(deps: AppDeps): Application {
  return createApi({ ...deps, pages: operations(deps) });
}
