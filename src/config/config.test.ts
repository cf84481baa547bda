import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { configKeys, defaultConfig, loadConfig } from './config.ts'
import { settingsOf } from './origin.ts'
import { referenceFile } from './reference.ts'
import { suggest } from '../lib/suggest.ts'
import { keyWords } from './words.ts'

/** Loads this text as a configuration file. */
function load(text: string) {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-config-'))
  const path = join(folder.path, 'config.toml')
  writeFileSync(path, text)
  return loadConfig(path, {})
}

test('every key has its words, and no words are without a key, in the order of the schema', () => {
  assert.deepEqual(Object.keys(keyWords), configKeys())
})

test('the reference is a file that says what the defaults are, also when what is a comment is said', () => {
  assert.deepEqual(load(referenceFile()), defaultConfig())
  const everything = referenceFile().replaceAll(/^# (\[|\w+ = )/gm, '$1')
  const tables = parse(everything)
  assert.deepEqual(Object.keys(tables.runtime as object), ['crun'])
  assert.ok(load(everything).streaming.tls_cert)
})

test('docs/configuration.md has the reference: npm run docs writes it', () => {
  const docs = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8')
  assert.ok(docs.includes(`\n\`\`\`toml berth\n${referenceFile()}\`\`\`\n`))
})

test('a key that does not exist is an error that names what was meant', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['rooot = "/x"', /rooot: there is no such key; did you mean "root"\?/],
    ['[cni]\nconfdir = "/x"', /cni\.confdir: there is no such key; did you mean "conf_dir"\?/],
    ['[runtime.kata]\npth = "/x"', /runtime\.kata\.pth: there is no such key; did you mean "path"\?/],
    ['[image]\nfoo_bar_baz = 1', /image\.foo_bar_baz: there is no such key$/],
    ['[images]\n', /images: there is no such key; did you mean "image"\?/],
  ]
  for (const [text, words] of refused) assert.throws(() => load(text), words)
})

test('a value of the wrong kind, and a file that is no TOML, are told as such', () => {
  assert.throws(() => load('root = "relative"'), /root: must be an absolute path/)
  assert.throws(() => load('pids_limit = "many"'), /pids_limit: .*[Nn]umber/)
  assert.throws(() => load('root = '), /is not valid TOML/)
})

test('what is like nothing has no suggestion', () => {
  assert.equal(suggest('log-level', ['log_level', 'root']), 'log_level')
  assert.equal(suggest('zzz', ['log_level', 'root']), undefined)
  assert.equal(suggest('x', []), undefined)
})

test('each setting is told with the line that makes it', () => {
  const text = 'pids_limit = 5\n\n[cni]\n# a comment\nconf_dir = "/x"\n[runtime.kata]\npath = "/y"\n'
  const settings = new Map(settingsOf(load(text), text).map((setting) => [setting.key, setting]))
  assert.deepEqual(settings.get('pids_limit'), { key: 'pids_limit', value: '5', line: 1 })
  assert.deepEqual(settings.get('cni.conf_dir'), { key: 'cni.conf_dir', value: '"/x"', line: 5 })
  assert.deepEqual(settings.get('runtime.kata.path'), { key: 'runtime.kata.path', value: '"/y"', line: 7 })
  assert.deepEqual(settings.get('root'), { key: 'root', value: '"/var/lib/berth"' })
})
