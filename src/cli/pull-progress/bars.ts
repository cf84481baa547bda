import { describeSize } from '../format/size.ts'
import type { LayerOfPull, Pull } from './pull.ts'

const barWidth = 24

/** A pull as lines for a terminal, one a layer: its stage, a bar of what is unpacked (=) and downloaded (-), and bytes. */
export function renderBars({ stage, layers }: Pull, width: number): string[] {
  const sum = (pick: (layer: LayerOfPull) => number) => layers.reduce((total, layer) => total + pick(layer), 0)
  const total = sum(({ totalBytes }) => totalBytes)
  const done = describeSize(sum(({ downloadedBytes }) => downloadedBytes))
  const head = layers.length === 0 ? stage : `${stage}, ${done} of ${describeSize(total)}`
  return [head, ...layers.map(renderLayer)].map((line) => line.slice(0, Math.max(width - 1, 1)))
}

function renderLayer({ digest, stage, totalBytes, downloadedBytes, unpackedBytes }: LayerOfPull): string {
  const share = (bytes: number) => Math.floor((Math.min(bytes, totalBytes) / Math.max(totalBytes, 1)) * barWidth)
  const unpacked = share(unpackedBytes)
  const downloaded = Math.max(share(downloadedBytes), unpacked)
  const bar = '='.repeat(unpacked) + '-'.repeat(downloaded - unpacked) + ' '.repeat(barWidth - downloaded)
  const name = digest.replace(/^[^:]*:/, '').slice(0, 12)
  return `${name} ${stage.padEnd(11)} [${bar}] ${describeSize(downloadedBytes)} of ${describeSize(totalBytes)}`
}
