/**
 * So much of SPDY/3.1 as a server of port-forwards needs: streams that the client opens, without priorities, flow
 * control or pushes (https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/; kubectl's side is
 * github.com/moby/spdystream).
 */
import type { Duplex } from "node:stream";
import { createInflate, type Inflate } from "node:zlib";

export interface SpdyStream {
  /** Of the client's opening, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  write(data: Buffer, done?: () => void): void;
  /** Nothing more is written. */
  end(): void;
  reset(): void;
}

/** Told what comes in. */
export interface SpdyEvents {
  opened(stream: SpdyStream): void;
  data(stream: SpdyStream, data: Buffer): void;
  /** The client writes nothing more, or wants nothing more. */
  ended(stream: SpdyStream): void;
}

const kinds = { open: 1, reply: 2, reset: 3, ping: 6 } as const;
const fin = 1;

/** Settles when the connection has ended. */
export async function serveSpdy(connection: Duplex, events: SpdyEvents): Promise<void> {
  const streams = new Map<number, SpdyStream>();
  const inflate = createInflate({ dictionary });
  let replies = 0;
  const send = (kind: number, flags: number, content: Buffer, done?: () => void): void => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(kind);
    head.writeUInt32BE(flags * 2 ** 24 + content.length, 4);
    if (connection.writable) connection.write(Buffer.concat([head, content]), done);
    else done?.();
  };
  const control = (kind: number, content: Buffer): void => send(2 ** 31 + 3 * 2 ** 16 + kind, 0, content);
  const streamOf = (id: number, headers: ReadonlyMap<string, string>): SpdyStream => ({
    headers,
    write: (data, done) => send(id, 0, data, done),
    end: () => send(id, fin, Buffer.alloc(0)),
    reset: () => control(kinds.reset, Buffer.concat([uint32(id), uint32(5)])),
  });

  for await (const { head, flags, content } of framesOf(connection)) {
    const [isControl, kind] = [head >= 2 ** 31, head & 0xffff];
    const id = isControl ? content.readUInt32BE() : head;
    if (isControl && kind === kinds.open) {
      const stream = streamOf(id, headersOf(await inflated(inflate, content.subarray(10))));
      streams.set(id, stream);
      control(kinds.reply, Buffer.concat([uint32(id), replies++ === 0 ? firstNoHeaders : noHeaders]));
      events.opened(stream);
    } else if (isControl && kind === kinds.ping) control(kinds.ping, content);
    const stream = streams.get(id);
    if (!stream) continue;
    if (!isControl && content.length > 0) events.data(stream, content);
    if ((isControl && kind === kinds.reset) || ((!isControl || kind === kinds.open) && flags & fin))
      events.ended(stream);
  }
  inflate.close();
}

interface Frame {
  readonly head: number;
  readonly flags: number;
  readonly content: Buffer;
}

async function* framesOf(connection: Duplex): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of connection) {
    rest = Buffer.concat([rest, chunk]);
    for (let size = 0; rest.length >= 8; rest = rest.subarray(size)) {
      size = 8 + rest.readUIntBE(5, 3);
      if (rest.length < size) break;
      yield { head: rest.readUInt32BE(), flags: rest[4] ?? 0, content: rest.subarray(8, size) };
    }
  }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/**
 * Headers are one stream of zlib in each direction. This one has no headers: a block uncompressed, and an empty one
 * that has it read at once.
 */
const noHeaders = Buffer.from([0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
const firstNoHeaders = Buffer.concat([Buffer.of(0x78, 0x01), noHeaders]);

async function inflated(inflate: Inflate, bytes: Buffer): Promise<Buffer> {
  await new Promise<unknown>((resolve) => inflate.write(bytes, resolve));
  return inflate.read() ?? Buffer.alloc(0);
}

function headersOf(block: Buffer): ReadonlyMap<string, string> {
  let at = 4;
  const text = (): string => {
    const from = at + 4;
    at = from + block.readUInt32BE(at);
    return block.toString("latin1", from, at);
  };
  return new Map(Array.from({ length: block.readUInt32BE() }, () => [text().toLowerCase(), text()]));
}

/** What the compression of headers begins with. */
const words =
  "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,accept-ranges,age,allow,authorization," +
  "cache-control,connection,content-base,content-encoding,content-language,content-length,content-location,content-md5,content-range," +
  "content-type,date,etag,expect,expires,from,host,if-match,if-modified-since,if-none-match,if-range,if-unmodified-since,last-modified," +
  "location,max-forwards,pragma,proxy-authenticate,proxy-authorization,range,referer,retry-after,server,te,trailer,transfer-encoding," +
  "upgrade,user-agent,vary,via,warning,www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,public,set-cookie,keep-alive,origin";
const dictionary = Buffer.concat([
  ...words.split(",").flatMap((word) => [uint32(word.length), Buffer.from(word)]),
  Buffer.from(
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information" +
      "204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error" +
      "501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, " +
      "Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript," +
      "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
  ),
]);
