/**
 * The frames of SPDY/3.1 as plain data (draft 3.1, section 2.6). Data frames are not among them: their payload is passed on
 * as it comes, see FrameSink.
 */
export type ControlFrame =
  | {
      readonly type: 'syn-stream'
      readonly streamId: number
      readonly headers: SpdyHeaders
      /** The sender will send no more on this stream. */
      readonly fin: boolean
      /** The receiver is not to send on this stream. */
      readonly unidirectional: boolean
    }
  | { readonly type: 'syn-reply'; readonly streamId: number; readonly headers: SpdyHeaders; readonly fin: boolean }
  | { readonly type: 'headers'; readonly streamId: number; readonly headers: SpdyHeaders; readonly fin: boolean }
  | { readonly type: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'settings'; readonly values: readonly { readonly id: number; readonly value: number }[] }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway'; readonly lastStreamId: number; readonly status: number }
  /** Stream 0 is the session. */
  | { readonly type: 'window-update'; readonly streamId: number; readonly delta: number }

/** Names are in lower case; of several values of one name only the first is kept. */
export type SpdyHeaders = ReadonlyMap<string, string>

export const controlTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

/** Why a stream is reset (RST_STREAM). */
export const resetStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  streamAlreadyClosed: 9,
} as const

/** Why a session ends (GOAWAY). */
export const goawayStatus = { ok: 0, protocolError: 1, internalError: 2 } as const

export const flagFin = 1
export const flagUnidirectional = 2

/** The SETTINGS id of the window, in bytes, that new streams start with. */
export const settingInitialWindow = 7

/** The window of a stream and of a session until told otherwise, in bytes. */
export const defaultWindow = 64 * 1024
