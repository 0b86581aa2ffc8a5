/**
 * What `import … from "linechat"` gives: the one file that only exports what others define, because
 * a package has one entry. Whatever it does not name is internal and may change.
 */

export { type ConnectOptions, connect } from "./client/connect.ts";
export { Connection } from "./client/connection.ts";
export type { TlsMaterial } from "./program/files.ts";
export { UserError } from "./program/system-errors.ts";
export type { RedisRoom } from "./redis/redis.ts";
export type { Member } from "./room/member.ts";
export type { RoomEvents, RoomOptions } from "./room/options.ts";
export { Room } from "./room/room.ts";
export type { Life, RoomSocket } from "./room/socket.ts";
export { type AddressRule, AddressRules, parseAddressRule } from "./server/access.ts";
export {
  listen,
  type ListenOptions,
  type Place,
  type Secrets,
  type Server,
} from "./server/listen.ts";
export type { WebOptions } from "./server/web.ts";
