// Runs a command in a container, and gives it what comes on stdin: node examples/client/exec.ts CONTAINER COMMAND...
import { connect, CriError, discoverEndpoint, exec } from 'berth/client'

const [containerId = '', ...cmd] = process.argv.slice(2)
using cri = connect(await discoverEndpoint(), { timeout: 10_000 })
try {
  using running = await exec(cri, { containerId, cmd, stdin: true })
  if (running.stdin) process.stdin.pipe(running.stdin)
  running.stdout?.pipe(process.stdout)
  running.stderr?.pipe(process.stderr)
  process.exitCode = await running.exitCode
} catch (error) {
  if (!(error instanceof CriError)) throw error
  console.error(`${error.codeName}: ${error.message}`)
  process.exitCode = 1
}
process.stdin.destroy()
