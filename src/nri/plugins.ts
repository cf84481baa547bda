import { type Server, type Socket } from 'node:net'
import type { ContainerUpdate, UpdateContainersRequest } from '../gen/nri_pb.ts'
import { messageOf } from '../lib/errors.ts'
import { KeyedQueue } from '../lib/keyed-queue.ts'
import type { Logger } from '../lib/log.ts'
import type { Reaper } from '../linux/reaper.ts'
import { type InstalledPlugin, installedPlugins } from './installed.ts'
import { listenForPlugins } from './listener.ts'
import { Plugin, type PluginSettings } from './plugin.ts'
import type { PluginName } from './plugin-name.ts'
import { PluginProcess } from './plugin-process.ts'

export interface PluginsSettings extends PluginSettings {
  readonly socket: string
  /** Whether plugins that Berth has not started may connect. */
  readonly externalPlugins: boolean
  readonly pluginDir: string
  readonly pluginConfigDir: string
}

export interface PluginsEvents {
  /** Tells a new plugin what there is. No event is under way meanwhile. */
  synchronize(plugin: Plugin): Promise<readonly ContainerUpdate[]>
  /** Updates that plugins have asked for, with no event under way. Answers those that failed. */
  update(plugin: Plugin, request: Pick<UpdateContainersRequest, 'update' | 'evict'>): Promise<ContainerUpdate[]>
}

/** How many plugins may be connected at a time. */
const maxPlugins = 64

/**
 * The plugins of this node, and their turns: one event is dealt with after the other, by every plugin in the order of their
 * indexes, as plugins rely on. A plugin that comes is synchronized in a turn of its own, so that it misses nothing.
 */
export class Plugins {
  readonly #settings: PluginsSettings
  readonly #events: PluginsEvents
  readonly #reaper: Reaper
  readonly #log: Logger
  readonly #turns = new KeyedQueue()
  readonly #processes = new Map<Plugin, PluginProcess>()
  /** All that are connected, also before they have registered. */
  readonly #connected = new Set<Plugin>()
  #active: readonly Plugin[] = []
  /** How many are being synchronized, or wait for that. */
  #joining = 0
  #server: Server | undefined
  #closed = false

  constructor(settings: PluginsSettings, events: PluginsEvents, reaper: Reaper, log: Logger) {
    this.#settings = settings
    this.#events = events
    this.#reaper = reaper
    this.#log = log
  }

  /** Nobody would hear of an event. */
  get none(): boolean {
    return this.#active.length === 0 && this.#joining === 0
  }

  /** Starts the installed plugins, waits until they have registered, and then lets others connect. */
  async start(): Promise<void> {
    const { pluginDir, pluginConfigDir, socket, externalPlugins } = this.#settings
    const installed = installedPlugins(pluginDir, pluginConfigDir, this.#log)
    const begun = await Promise.all(installed.map((plugin) => this.#launch(plugin)))
    for (const plugin of begun) if (plugin) await this.#join(plugin)
    if (!externalPlugins) return
    try {
      this.#server = await listenForPlugins(socket, (stream) => this.#accept(stream))
      this.#log.info({ socket, installed: this.#active.map(({ name }) => name) }, 'NRI plugins can connect')
    } catch (error) {
      this.#log.error({ socket, error: messageOf(error) }, 'no NRI plugin can connect')
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#server?.close()
    await Promise.all([...this.#connected].map((plugin) => plugin.shutdown()))
    await Promise.all([...this.#processes.values()].map((process) => process.end()))
  }

  /** Does `work` when all earlier events are dealt with. It must wait for nothing but plugins. */
  turn<T>(work: (plugins: readonly Plugin[]) => Promise<T>): Promise<T> {
    return this.#turns.run('', () => work(this.#active))
  }

  async #launch(installed: InstalledPlugin): Promise<Plugin | undefined> {
    const { file, name, config } = installed
    let process: PluginProcess
    try {
      process = new PluginProcess(installed, this.#reaper)
    } catch (error) {
      this.#log.error({ file, error: messageOf(error) }, 'an NRI plugin cannot be started')
      return undefined
    }
    const plugin = this.#connect(process.stream, name)
    this.#processes.set(plugin, process)
    return (await this.#begin(plugin, config)) ? plugin : undefined
  }

  async #accept(stream: Socket): Promise<void> {
    if (this.#closed || this.#connected.size >= maxPlugins) {
      this.#log.warn({}, `an NRI plugin is turned away: ${maxPlugins} are connected`)
      stream.destroy()
      return
    }
    const plugin = this.#connect(stream)
    if (await this.#begin(plugin, '')) await this.#join(plugin)
  }

  #connect(stream: Socket, name?: PluginName): Plugin {
    const events = {
      onUpdate: (from: Plugin, request: UpdateContainersRequest) => this.#events.update(from, request),
      onClosed: (closed: Plugin, reason: string) => this.#onClosed(closed, reason),
    }
    const plugin = new Plugin(stream, this.#settings, events, this.#log, name)
    this.#connected.add(plugin)
    return plugin
  }

  async #begin(plugin: Plugin, config: string): Promise<boolean> {
    try {
      await plugin.begin(config)
      return true
    } catch (error) {
      this.#log.warn({ plugin: plugin.name, error: messageOf(error) }, 'an NRI plugin did not register')
      return false
    }
  }

  async #join(plugin: Plugin): Promise<void> {
    this.#joining++
    try {
      const update = await this.turn(async () => {
        const wanted = await this.#events.synchronize(plugin)
        // The order of those with the same index is that of their coming.
        if (!plugin.isClosed) this.#active = [...this.#active, plugin].sort((a, b) => indexOf(a) - indexOf(b))
        return wanted
      })
      this.#log.info({ plugin: plugin.name }, 'an NRI plugin is synchronized')
      await this.#events.update(plugin, { update: [...update], evict: [] })
    } catch (error) {
      this.#log.warn({ plugin: plugin.name, error: messageOf(error) }, 'an NRI plugin was not synchronized')
    } finally {
      this.#joining--
    }
  }

  #onClosed(plugin: Plugin, reason: string): void {
    this.#connected.delete(plugin)
    this.#active = this.#active.filter((each) => each !== plugin)
    if (!this.#closed) this.#log.info({ plugin: plugin.name, reason }, 'an NRI plugin is gone')
    const process = this.#processes.get(plugin)
    if (!process || this.#closed) return
    process.end().then(
      () => this.#processes.delete(plugin),
      (error) => this.#log.error({ plugin: plugin.name, error: messageOf(error) }, 'an NRI plugin does not end'),
    )
  }
}

function indexOf({ named }: Plugin): number {
  return Number(named?.index ?? 0)
}
