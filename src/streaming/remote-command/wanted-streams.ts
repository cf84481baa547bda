/** The streams that were asked for with the URL of an exec or attach. With a tty there is no stderr of its own. */
export interface WantedStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}
