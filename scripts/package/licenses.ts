import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Entry {
  readonly version?: string
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
}

/** Name, version and license of every npm package that the bundles contain, with the text that each brings. */
export function licenses(root: string): string {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Entry>>
  }
  const used = Object.entries(packages).filter(
    ([path, { dev, optional }]) => path !== '' && !dev && !optional && existsSync(join(root, path)),
  )
  const texts = used.map(([path, { version, license }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const files = readdirSync(join(root, path)).filter((file) => /^(licen[cs]e|notice)/i.test(file))
    const words = files.map((file) => readFileSync(join(root, path, file), 'utf8').trim())
    return [`${name} ${version} (${license ?? 'see below'})`, ...words].join('\n\n')
  })
  return `Berth contains these packages.\n\n${texts.join('\n\n----\n\n')}\n`
}
