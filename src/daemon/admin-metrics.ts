import type { Images } from '../image/images.ts'
import type { PullProgress } from '../image/progress.ts'
import type { AdminCall } from './admin-images.ts'

/** `GET /metrics`, for Prometheus. Its library is loaded at the first call: it is of no use to whoever never asks. */
export function metricsCalls(images: Images): Record<string, AdminCall> {
  return {
    'GET /metrics': async (_, response) => {
      const { Gauge, Registry } = await import('prom-client')
      const registry = new Registry()
      const registers = [registry]
      const pulls = new Gauge({
        name: 'berth_image_pulls',
        help: 'Pulls under way, by stage',
        labelNames: ['stage'],
        registers,
      })
      const bytes = new Gauge({
        name: 'berth_image_pull_bytes',
        help: 'Compressed bytes of the layers of a pull under way: all, downloaded, unpacked',
        labelNames: ['image', 'state'],
        registers,
      })
      const since = new Gauge({
        name: 'berth_image_pull_start_time_seconds',
        help: 'When a pull under way began, in seconds since the epoch',
        labelNames: ['image'],
        registers,
      })
      for (const pull of images.progress()) {
        pulls.inc({ stage: pull.stage })
        for (const [state, count] of Object.entries(sumsOf(pull))) bytes.inc({ image: pull.image, state }, count)
        since.set({ image: pull.image }, pull.startedAtMs / 1000)
      }
      const text = await registry.metrics()
      response.writeHead(200, { 'content-type': registry.contentType }).end(text)
    },
  }
}

function sumsOf({ layers }: PullProgress): Record<'total' | 'downloaded' | 'unpacked', number> {
  const sums = { total: 0, downloaded: 0, unpacked: 0 }
  for (const { totalBytes, downloadedBytes, unpackedBytes } of layers) {
    sums.total += totalBytes
    sums.downloaded += downloadedBytes
    sums.unpacked += unpackedBytes
  }
  return sums
}
