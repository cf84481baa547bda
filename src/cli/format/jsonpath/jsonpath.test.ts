import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '@bufbuild/protobuf'
import { fillTemplate } from './evaluate.ts'

const data: JsonValue = {
  kind: 'List',
  items: [
    { id: 'a', size: '70', metadata: { name: 'web', labels: { 'app.kubernetes.io/name': 'x' } }, ok: true },
    { id: 'b', size: '5', metadata: { name: 'db', labels: {} }, ok: false },
    { id: 'c', size: '100', metadata: { name: 'job', labels: {} } },
  ],
}

const cases: readonly (readonly [string, string])[] = [
  ['{.kind}', 'List'],
  ['.kind', 'List'],
  ['{$.kind}', 'List'],
  ['kind={.kind}!', 'kind=List!'],
  ['{.items[*].id}', 'a b c'],
  ['{.items[0].metadata.name}', 'web'],
  ['{.items[-1].id}', 'c'],
  ['{.items[0:2].id}', 'a b'],
  ['{.items[1:].id}', 'b c'],
  ["{.items[0].metadata.labels['app.kubernetes.io/name']}", 'x'],
  ['{.items[0].metadata.labels.app\\.kubernetes\\.io/name}', 'x'],
  ['{..name}', 'web db job'],
  ['{.items[?(@.id=="b")].metadata.name}', 'db'],
  ['{.items[?(@.metadata.name!="db")].id}', 'a c'],
  ['{.items[?(@.size>50)].id}', 'a c'],
  ['{.items[?(@.ok)].id}', 'a b'],
  ['{.items[?(@.ok==true)].id}', 'a'],
  ['{range .items[*]}{.id}{"\\t"}{.metadata.name}{"\\n"}{end}', 'a\tweb\nb\tdb\nc\tjob\n'],
  ['{range .items[*]}<{range .metadata}{.name}{end}>{end}', '<web><db><job>'],
  ['{.items[0].metadata.labels}', '{"app.kubernetes.io/name":"x"}'],
  ['{.nothing.at.all}', ''],
  ['{.constructor}', ''],
  ["{.items[*]['id', 'size']}", 'a 70 b 5 c 100'],
  ["{.items[0]['metadata.name','ok','none']}", 'web true'],
  ["{.items[0].metadata.labels['app\\.kubernetes\\.io/name','none']}", 'x'],
  ['{.items[0,-1].id}', 'a c'],
  ['{.items[?(@.id=="b,)"),2].id}', 'c'],
  ["{range .items[0:2]}{['id','metadata.name']} {end}", 'a web b db '],
  ['{"}"}', '}'],
  ['{@}', JSON.stringify(data)],
]

for (const [template, expected] of cases) {
  test(template, () => assert.equal(fillTemplate(template, data), expected))
}

test('what is no template is refused, with what is wrong', () => {
  for (const template of [
    '{.a',
    '{end}',
    '{range .a}',
    '{.a[}',
    '{.a[x]}',
    '{.a[0,x]}',
    '{.a b}',
    '{"open}',
    '{.a[?(@.b==c)]}',
  ])
    assert.throws(() => fillTemplate(template, data), { code: 'invalid-argument' }, template)
})
