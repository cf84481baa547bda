import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { repository } from '../harness/berthd.ts'
import { wrongCommands } from './command-lines.ts'
import { pages, textOf } from './pages.ts'

test('a wrong verb and a wrong option are found', async () => {
  const text =
    'Say `berth pods -a`, `berthd --loud`, `npm run nothing`, `npm run soak -- --sink` or `berth dance`.\n\n```sh\ncrictl ps --loud | cat\nberth rmp -fa && berth rm -fz\n```\n'
  assert.deepEqual(await wrongCommands(text), [
    'npm run nothing: no script nothing',
    'npm run soak -- --sink: no option --sink',
    'crictl ps --loud: no option --loud',
    'berth rm -fz: no option -fz',
    'berth pods -a: no option -a',
    'berthd --loud: no option --loud',
    'berth dance: no command dance',
  ])
})

for (const page of pages()) {
  test(`${page}: every command of berth, berthd, crictl and npm exists, with its options`, async () => {
    assert.deepEqual(await wrongCommands(textOf(page)), [])
  })

  test(`${page}: what it links to exists`, () => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link as string)
    assert.deepEqual(
      links.filter((link) => !existsSync(join(repository, dirname(page), link))),
      [],
    )
  })
}
