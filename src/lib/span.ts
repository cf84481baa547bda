import { AsyncLocalStorage } from 'node:async_hooks'

/** A stretch of time in which one thing was done for a call, with what was done inside it. */
export interface Span {
  readonly name: string
  /** Milliseconds since the epoch, with fractions: comparable between processes of one machine. */
  readonly startedAt: number
  /** How long it took, in milliseconds; absent while it lasts. */
  ms?: number
  /** Why it failed. */
  error?: string
  readonly children: Span[]
}

/** Undefined while nobody traces: then {@link span} does nothing but call. */
let storage: AsyncLocalStorage<Span> | undefined

/** Switches tracing on or off for this process. */
export function switchTracing(on: boolean): void {
  storage = on ? (storage ?? new AsyncLocalStorage()) : undefined
}

/** Calls `work` as the root of a trace, which `onEnd` gets when it has ended, well or not. */
export async function rootSpan<T>(name: string, onEnd: (root: Span) => void, work: () => Promise<T>): Promise<T> {
  if (!storage) return work()
  const root = begin(name)
  try {
    return await measure(storage, root, work)
  } finally {
    onEnd(root)
  }
}

/** Calls `work`, which may be synchronous or not, as a part of the trace under way, if there is one. */
export function span<T>(name: string, work: () => T): T {
  const parent = storage?.getStore()
  if (!storage || !parent) return work()
  const child = begin(name)
  parent.children.push(child)
  return measure(storage, child, work)
}

/** Begins a part that ends when the answered function is called. */
export function openSpan(name: string): () => void {
  const parent = storage?.getStore()
  if (!parent) return nothing
  const child = begin(name)
  parent.children.push(child)
  return () => end(child)
}

/** Whether the call under way is traced: then another process that works for it may say what it did. */
export function isTraced(): boolean {
  return storage?.getStore() !== undefined
}

/** Calls `begin`, which sets something going that is no part of the trace under way, though it began during it. */
export function apart<T>(begin: () => T): T {
  return storage ? storage.exit(begin) : begin()
}

/** Adds what another process measured to the part under way. */
export function adoptSpans(spans: readonly Span[]): void {
  storage?.getStore()?.children.push(...spans)
}

function begin(name: string): Span {
  return { name, startedAt: now(), children: [] }
}

function end(span: Span, error?: unknown): void {
  span.ms ??= now() - span.startedAt
  if (error !== undefined) span.error = error instanceof Error ? error.message : String(error)
}

function measure<T>(within: AsyncLocalStorage<Span>, span: Span, work: () => T): T {
  let result: T
  try {
    result = within.run(span, work)
  } catch (error) {
    end(span, error)
    throw error
  }
  if (result instanceof Promise) {
    result.then(
      () => end(span),
      (error) => end(span, error),
    )
  } else end(span)
  return result
}

function nothing(): void {}

function now(): number {
  return performance.timeOrigin + performance.now()
}
