import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { adoptSpans, apart, isTraced, openSpan, rootSpan, type Span, span, switchTracing } from './span.ts'

describe('spans', () => {
  afterEach(() => switchTracing(false))

  it('do not hold what was set going apart from them', async () => {
    switchTracing(true)
    let root: Span | undefined
    const later = Promise.withResolvers<void>()
    await rootSpan(
      'call',
      (ended) => {
        root = ended
      },
      async () => {
        apart(() => setImmediate(() => later.resolve(span('another matter', () => {}))))
        span('inside', () => {})
        await later.promise
      },
    )
    assert.deepEqual(names(root), ['call', ['inside']])
  })

  it('form a tree of what was done inside what', async () => {
    switchTracing(true)
    let root: Span | undefined
    const result = await rootSpan(
      'call',
      (ended) => {
        root = ended
      },
      async () => {
        span('first', () => {})
        await span('second', async () => {
          await Promise.resolve()
          span('inner', () => {})
        })
        const close = openSpan('open')
        adoptSpans([{ name: 'elsewhere', startedAt: 1, ms: 2, children: [] }])
        close()
        return 7
      },
    )
    assert.equal(result, 7)
    assert.deepEqual(names(root), ['call', ['first'], ['second', ['inner']], ['open'], ['elsewhere']])
    assert.ok(root?.ms !== undefined && root.children.every(({ ms }) => ms !== undefined))
  })

  it('keep the error of what failed', async () => {
    switchTracing(true)
    let root: Span | undefined
    const keep = (ended: Span) => {
      root = ended
    }
    const failing = rootSpan('call', keep, async () => span('part', () => Promise.reject(new Error('no'))))
    await assert.rejects(failing, /no/)
    assert.equal(root?.error, 'no')
    assert.equal(root?.children[0]?.error, 'no')
  })

  it('are not made while nobody traces', async () => {
    let ended = false
    const onEnd = () => {
      ended = true
    }
    await rootSpan('call', onEnd, async () => {
      assert.equal(isTraced(), false)
      assert.equal(
        span('part', () => 3),
        3,
      )
      openSpan('open')()
    })
    assert.equal(ended, false)
  })
})

function names(span: Span | undefined): unknown[] {
  return span ? [span.name, ...span.children.map(names)] : []
}
