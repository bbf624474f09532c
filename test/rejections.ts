// Fails where a rejection is passed over. It is a value, so whoever ignores the result of a command takes a failure for a
// success, and the compiler does not mind. Tests are left out: their expectations say what comes of a command.
import ts from 'typescript';

const PRODUCT = /^(?!.*(node_modules|\.test\.ts$)).*\/(commands|infra|scripts)\//;

const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
const program = ts.createProgram(fileNames, options);
const checker = program.getTypeChecker();
const ignored: string[] = [];

function look(node: ts.Node): void {
  if (ts.isExpressionStatement(node)) {
    const expression = ts.isVoidExpression(node.expression) ? node.expression.expression : node.expression;
    const type = checker.typeToString(checker.getTypeAtLocation(expression));
    const isResult = ts.isAwaitExpression(expression) || type.startsWith('Promise<');
    if (isResult && /\bRejection\b/.test(type)) ignored.push(placeOf(node));
  }
  ts.forEachChild(node, look);
}

function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  return `${file.fileName}:${line + 1}: ${node.getText()}`;
}

for (const file of program.getSourceFiles()) if (PRODUCT.test(file.fileName)) look(file);
if (ignored.length > 0) {
  console.error(`A rejection is ignored; use orThrow or look at it:\n${ignored.join('\n')}`);
  process.exitCode = 1;
}
