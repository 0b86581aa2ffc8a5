/**
 * What `import … from "linechat"` gives: the one file that only exports what others define, because
 * a package has one entry. Whatever it does not name is internal and may change.
 */

export { type ConnectOptions, connect } from "./client/connect.ts";
export type { Connection } from "./client/connection.ts";
export type { MemberView, Secrets } from "./extras/part.ts";
export { UserError } from "./program/system-errors.ts";
export type { Life, RoomSocket } from "./room/socket.ts";
export type {
  EmbeddedRoom,
  ListenOptions,
  OpenRoomOptions,
  Place,
  RoomEvents,
  Server,
} from "./server/api.ts";
export { listen, openRoom } from "./server/listen.ts";
