/** `npm run docs`: writes the part of docs/configuration.md that the schema of the configuration makes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { referenceFile } from '../src/config/reference.ts'

const path = join(import.meta.dirname, '../docs/configuration.md')
const docs = readFileSync(path, 'utf8')
const start = docs.indexOf('```toml berth\n', docs.indexOf('## Keys'))
const end = docs.indexOf('\n```\n', start)
writeFileSync(path, `${docs.slice(0, start)}\`\`\`toml berth\n${referenceFile()}${docs.slice(end + 1)}`)
