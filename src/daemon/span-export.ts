import type { Config } from '../config/config.ts'
import type { Logger } from '../lib/log.ts'
import type { SpanExporter } from '../observe/otlp/exporter.ts'
import type { Traces } from '../observe/traces.ts'

/** The export of spans, as the configuration wants it. Its program is loaded when it is wanted for the first time. */
export class SpanExport implements AsyncDisposable {
  readonly #traces: Traces
  readonly #version: string
  readonly #log: Logger
  #exporter: SpanExporter | undefined
  #settings = ''

  constructor(traces: Traces, version: string, log: Logger) {
    this.#traces = traces
    this.#version = version
    this.#log = log
  }

  /** What the collector has taken and what not; undefined when nothing is exported. */
  get counts(): { readonly exported: number; readonly dropped: number } | undefined {
    return this.#exporter
  }

  /** Gets an exporter ready; the answer has it in force. */
  async prepare({ tracing }: Pick<Config, 'tracing'>): Promise<() => void> {
    const settings = JSON.stringify(tracing)
    if (settings === this.#settings) return () => {}
    const exporter = await this.#exporterFor(tracing)
    return () => {
      void this.#exporter?.[Symbol.asyncDispose]()
      this.#exporter = exporter
      this.#settings = settings
      this.#traces.exportTo(exporter)
    }
  }

  async #exporterFor({ endpoint, sample_ratio }: Config['tracing']): Promise<SpanExporter | undefined> {
    if (endpoint === undefined) return undefined
    const { SpanExporter } = await import('../observe/otlp/exporter.ts')
    return new SpanExporter({ endpoint, sampleRatio: sample_ratio, version: this.#version, log: this.#log })
  }

  /** Sends what waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#traces.exportTo(undefined)
    await this.#exporter?.[Symbol.asyncDispose]()
  }
}
