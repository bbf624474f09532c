// A command's rejection is a return value. Code that ignores it mistakes a failure for a success. The compiler does not detect
// that,
// so this test does.
import { expect } from 'chai';
import ts from 'typescript';

/** Without the tests, whose expectations check the results of commands. */
const PRODUCT = /^(?!.*(node_modules|\.test\.ts$)).*\/(commands|infra|scripts)\//;

describe('A rejection', () => {
  it('is never ignored', function () {
    this.timeout(120_000);
    const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
    const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
    const program = ts.createProgram(fileNames, options);
    const checker = program.getTypeChecker();
    const passedOver: string[] = [];

    const look = (node: ts.Node): void => {
      if (ts.isExpressionStatement(node)) {
        const expression = ts.isVoidExpression(node.expression) ? node.expression.expression : node.expression;
        const type = checker.typeToString(checker.getTypeAtLocation(expression));
        const isResult = ts.isAwaitExpression(expression) || type.startsWith('Promise<');
        if (isResult && /\bRejection\b/.test(type)) passedOver.push(placeOf(node));
      }
      ts.forEachChild(node, look);
    };
    for (const file of program.getSourceFiles()) if (PRODUCT.test(file.fileName)) look(file);
    expect(passedOver).to.deep.equal([]);
  });
});

function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.getText()}`;
}
