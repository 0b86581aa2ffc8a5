/**
 * What `import … from "linechat"` gives: the one file that only exports what others define, because
 * a package has one entry. Whatever it does not name is internal and may change.
 */

export { type ConnectOptions, connect } from "./client/connect.ts";
export type { Connection } from "./client/connection.ts";
export type { MemberView, Secrets } from "./extras/part.ts";
export { UserError } from "./program/system-errors.ts";
export type { Life, RoomSocket } from "./room/socket.ts";
export { listen, type ListenOptions, type Place, type Server } from "./server/listen.ts";
export {
  type EmbeddedRoom,
  openRoom,
  type OpenRoomOptions,
  type RoomEvents,
} from "./server/open-room.ts";
