import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { hostname } from 'node:os'
import { messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { Trace, TraceSink } from '../traces.ts'
import { attributesOf, type OtlpSpan, otlpSpans } from './otlp-spans.ts'

export interface ExporterOptions {
  /** The collector's URL; `/v1/traces` is added where it does not end so. */
  readonly endpoint: string
  readonly sampleRatio: number
  /** Of Berth. */
  readonly version: string
  readonly log: Logger
  /** How long spans are gathered before they are sent, in milliseconds; 2 s unless told. */
  readonly gatherMs?: number
}

/** So many are sent at once, and so many wait at most for a collector that does not take them. */
const batch = 512
const maxWaiting = 4096
/** How long the collector may take to answer, and how long it is left alone after a failure at most, in milliseconds. */
const patienceMs = 10_000
const maxPauseMs = 60_000
/** The collector may take it later (OTLP specification, "Retryable response codes"). */
const retryable = new Set([429, 502, 503, 504])

/** Sends spans to an OpenTelemetry collector: OTLP over HTTP, as JSON. Nothing waits for it. */
export class SpanExporter implements TraceSink, AsyncDisposable {
  readonly sampleRatio: number
  /** How many the collector has taken. */
  exported = 0
  /** How many it could not be given. */
  dropped = 0
  readonly #url: URL
  readonly #log: Logger
  readonly #gatherMs: number
  readonly #resource: object
  readonly #version: string
  readonly #waiting: OtlpSpan[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  /** Failures since the last success. */
  #failures = 0

  constructor({ endpoint, sampleRatio, version, log, gatherMs = 2000 }: ExporterOptions) {
    this.sampleRatio = sampleRatio
    this.#url = tracesUrl(endpoint)
    this.#log = log
    this.#gatherMs = gatherMs
    this.#version = version
    this.#resource = {
      attributes: attributesOf({ 'service.name': 'berthd', 'service.version': version, 'host.name': hostname() }),
    }
  }

  add(trace: Trace): void {
    const spans = otlpSpans(trace)
    if (this.#waiting.length + spans.length > maxWaiting) this.dropped += spans.length
    else this.#waiting.push(...spans)
    if (this.#waiting.length >= batch && this.#failures === 0) this.#send()
    else this.#sendIn(this.#gatherMs)
  }

  /** Sends what waits once more, and gives up what is not taken. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    await this.#sending
    clearTimeout(this.#timer)
    const last = this.#waiting.splice(0)
    if (last.length > 0) await this.#post(last, 1000).catch(() => {})
  }

  #sendIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.#send(), ms).unref()
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
      if (this.#waiting.length > 0) this.#sendIn(Math.min(maxPauseMs, this.#gatherMs * 2 ** this.#failures))
    })
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.splice(0, batch)
      try {
        const code = await this.#post(spans, patienceMs)
        if (code >= 300) throw new Refusal(code)
        if (this.#failures > 0) this.#log.info({}, 'the collector takes spans again')
        this.#failures = 0
        this.exported += spans.length
      } catch (error) {
        const again = !(error instanceof Refusal) || retryable.has(error.code)
        if (again) this.#waiting.unshift(...spans)
        else this.dropped += spans.length
        if (this.#failures++ === 0) {
          this.#log.warn({ endpoint: this.#url.href, error: messageOf(error) }, 'the collector does not take spans')
        }
        return
      }
    }
  }

  /** Answers the status. */
  #post(spans: readonly OtlpSpan[], timeout: number): Promise<number> {
    const scopeSpans = [{ scope: { name: 'berth', version: this.#version }, spans }]
    const body = JSON.stringify({ resourceSpans: [{ resource: this.#resource, scopeSpans }] })
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const send = this.#url.protocol === 'https:' ? requestHttps : requestHttp
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = send(this.#url, { method: 'POST', headers, signal: AbortSignal.timeout(timeout) }, (response) => {
      response.resume().once('error', reject)
      resolve(response.statusCode ?? 0)
    })
    sent.once('error', reject).end(body)
    return promise
  }
}

class Refusal extends Error {
  readonly code: number

  constructor(code: number) {
    super(`it answered ${code}`)
    this.code = code
  }
}

function tracesUrl(endpoint: string): URL {
  const url = new URL(endpoint)
  if (!url.pathname.endsWith('/v1/traces')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`
  return url
}
