/**
 * Calls back after `ms` milliseconds, unless disposed of before. News that have come by then are heard first: after a pause of
 * this process (SIGSTOP, a machine that stood still) its timers would be before them.
 */
export function afterSilence(ms: number, callback: () => void): Disposable {
  let immediate: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    // Node polls between a timer and an immediate; who polls for us may hand on in an immediate of their own.
    immediate = setImmediate(() => {
      immediate = setImmediate(callback)
    })
  }, ms)
  return {
    [Symbol.dispose]() {
      clearTimeout(timer)
      clearImmediate(immediate)
    },
  }
}
