import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../lib/log.ts'
import { Reaper } from '../linux/reaper.ts'
import { openDatabase } from '../state/database.ts'
import { Network, type NetworkOptions } from './network.ts'
import type { AttachRequest } from './port.ts'

/** What a plugin does on a verb: shell text with the request on stdin saved in "$request". Nothing by default. */
export type Script = Readonly<Partial<Record<'ADD' | 'DEL' | 'STATUS', string>>>

/** For tests: a folder of configurations and one of plugins that are shell scripts and write down how they were called. */
export class ScriptedPlugins implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'berth-cni-'))
  readonly confDir = join(this.root, 'net.d')
  readonly binDir = join(this.root, 'bin')
  readonly database = openDatabase(':memory:')
  readonly reaper = new Reaper({ adopt: false })
  readonly #networks: Network[] = []

  constructor() {
    mkdirSync(this.confDir)
    mkdirSync(this.binDir)
  }

  [Symbol.dispose](): void {
    for (const network of this.#networks) network.close()
    this.reaper[Symbol.dispose]()
    this.database.close()
    rmSync(this.root, { recursive: true })
  }

  /** Makes or replaces a plugin. */
  plugin(name: string, script: Script = {}): void {
    const branches = Object.entries(script).map(([verb, text]) => `${verb})\n${text}\n;;`)
    const lines = [
      '#!/bin/sh',
      `request="${this.root}/$CNI_COMMAND-${name}.json"`,
      `cat > "$request"`,
      `env | grep ^CNI_ > "${this.root}/$CNI_COMMAND-${name}.env"`,
      `echo "$CNI_COMMAND ${name}" >> "${this.root}/calls"`,
      'case "$CNI_COMMAND" in',
      ...branches,
      'esac',
    ]
    writeFileSync(join(this.binDir, name), `${lines.join('\n')}\n`, { mode: 0o755 })
  }

  configure(file: string, configuration: unknown): void {
    const text = typeof configuration === 'string' ? configuration : JSON.stringify(configuration)
    writeFileSync(join(this.confDir, file), text)
  }

  /** The calls so far, as `ADD bridge`. */
  get calls(): string[] {
    try {
      return readFileSync(join(this.root, 'calls'), 'utf8').trim().split('\n')
    } catch {
      return []
    }
  }

  /** What the last such call read from its stdin. */
  input(verb: string, plugin: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.root, `${verb}-${plugin}.json`), 'utf8'))
  }

  /** The CNI variables of the last such call. */
  environment(verb: string, plugin: string): Record<string, string> {
    const lines = readFileSync(join(this.root, `${verb}-${plugin}.env`), 'utf8')
      .trim()
      .split('\n')
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
  }

  /** A network over these folders; another one over the same database is the daemon started again. */
  network(options: Partial<NetworkOptions> = {}): Network {
    const { confDir, database, reaper } = this
    const network = new Network({ confDir, binDirs: [this.binDir], database, reaper, log: silentLogger, ...options })
    this.#networks.push(network)
    return network
  }
}

/** A request for a namespace that is there: this process's own. Scripts do nothing to it. */
export function requestFor(sandboxId: string, more: Partial<AttachRequest> = {}): AttachRequest {
  const pod = { podNamespace: 'default', podName: 'web', podUid: 'u-1' }
  return { sandboxId, netnsPath: '/proc/self/ns/net', ...pod, ...more }
}

/** The shell text that prints a result. */
export function prints(result: unknown): string {
  return `cat <<'END'\n${typeof result === 'string' ? result : JSON.stringify(result)}\nEND`
}

export const addressResult = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'veth1' }, { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/proc/self/ns/net' }],
  ips: [{ address: '10.1.0.2/24', gateway: '10.1.0.1', interface: 1 }],
}

/** cat(1) in place of plugins of the CNI project: what it is configured with is its result. */
export function echoingPlugins(): ScriptedPlugins {
  const plugins = new ScriptedPlugins()
  for (const name of ['bridge', 'portmap']) copyFileSync('/bin/cat', join(plugins.binDir, name))
  plugins.configure('10-pods.conflist', {
    name: 'pods',
    cniVersion: '1.0.0',
    plugins: [
      { type: 'bridge', ...addressResult },
      { type: 'portmap', capabilities: { portMappings: true }, ...addressResult },
    ],
  })
  return plugins
}
