/** `berth/client`: the public, typed client of CRI v1 runtimes. Start with `connect`. */
export * from '../gen/cri_pb.ts'
export type { CallOptions } from './call.ts'
export { type ConnectOptions, type CriConnection, connect } from './connect.ts'
export { type CodeName, CriError } from './cri-error.ts'
export type { ServiceClient } from './service-client.ts'
