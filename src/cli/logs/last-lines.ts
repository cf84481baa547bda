import { open } from 'node:fs/promises'
import { parseLogLine } from '../../client/logs/line.ts'
import { LineReader } from '../../client/logs/read-lines.ts'
import { tailPosition } from '../../client/logs/tail.ts'

/** The last lines that a container wrote, as text; none when its log cannot be read (here). */
export async function lastLines(path: string, count: number): Promise<string[]> {
  try {
    await using handle = await open(path)
    const lines: string[] = []
    let begun = ''
    for await (const line of new LineReader(handle, await tailPosition(handle, count)).drain()) {
      const parsed = parseLogLine(line)
      begun += parsed ? parsed.text.toString('utf8') : line.toString('utf8')
      if (parsed?.partial) continue
      lines.push(begun)
      begun = ''
    }
    return lines.slice(-count)
  } catch {
    return []
  }
}
