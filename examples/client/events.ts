// Prints what happens to containers for so many seconds: node examples/client/events.ts SECONDS
import { ContainerEventTypeSchema, connect, CriError, discoverEndpoint } from 'berth/client'

const [seconds = '10'] = process.argv.slice(2)
using cri = connect(await discoverEndpoint())
const signal = AbortSignal.timeout(Number(seconds) * 1000)
try {
  for await (const { containerId, containerEventType } of cri.runtime.getContainerEvents({}, { signal })) {
    console.log(containerId.slice(0, 12), ContainerEventTypeSchema.value[containerEventType]?.name)
  }
} catch (error) {
  if (!(error instanceof CriError && error.codeName === 'CANCELLED')) throw error
}
