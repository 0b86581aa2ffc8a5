/**
 * What is done in Redis at a time, in Lua. A stream has an entry for each batch: `after`, `by`,
 * `number`, `read`, `lines`, `passing`, `granted`. A list has history: in each element the lines of a
 * batch, and before that, how many bytes there were up to their end. A hash has
 *
 * - `last`, the id of the last entry; `options`, those of the room;
 * - for each server, under its name, the number of its last batch, how far it had read then, and the
 *   id of that batch;
 * - `name …` for each name of a member, the server where it is; free if that is not known any more.
 *
 * What a script asks for, it asks first: a key of another type is an error before it has changed
 * anything. An error of its own begins with the `Trouble` that it is.
 */

import { GONE, START } from "./stream.ts";

/** A server adds something each second; one that has not done so for this long is down, and forgotten. */
const DOWN_MS = 5_000;
const GONE_MS = 86_400_000;

/**
 * Adds a first entry for a server, and a last one for the one it was before, for which nobody has to
 * wait then. It is refused if others are up and have other options; if none is up, the room has those
 * of this server from now on, and nothing of what was before.
 */
export const JOIN = `
local name, instead, options = unpack(ARGV)
local state = redis.call('HGETALL', KEYS[2])
local history = redis.call('LRANGE', KEYS[3], '0', '-1')
local last = redis.call('HGET', KEYS[2], 'last') or '${START}'
local common = redis.call('HGET', KEYS[2], 'options') or options
local seconds, microseconds = unpack(redis.call('TIME'))
local now = seconds * 1000 + microseconds / 1000
local isUp, gone, readings = false, {instead}, {}
for i = 1, #state, 2 do
  local read, added = string.match(state[i + 1], '^%d+ (%S+) (%d+)%-')
  if read and state[i] ~= instead then
    local silence = now - tonumber(added)
    isUp = isUp or silence < ${DOWN_MS}
    if common ~= options or silence > ${GONE_MS} then table.insert(gone, state[i])
    else table.insert(readings, {state[i], read}) end
  end
end
if common ~= options and isUp then
  return redis.error_reply('cannot share the room: the other servers run with ' .. common .. ', this one with ' .. options)
end
local function add(by, number, read)
  last = redis.call('XADD', KEYS[1], '*', 'after', last, 'by', by, 'number', number, 'read', read)
end
if redis.call('HEXISTS', KEYS[2], instead) == 1 then add(instead, '0', '${GONE}') end
add(name, '1', '${START}')
redis.call('HDEL', KEYS[2], unpack(gone))
redis.call('HSET', KEYS[2], name, '1 ' .. last .. ' ' .. last, 'last', last, 'options', options)
if common ~= options then redis.call('DEL', KEYS[3]) history = {} end
for i = 1, #state, 2 do
  local isName = string.match(state[i], '^name ')
  if isName and redis.call('HEXISTS', KEYS[2], state[i + 1]) == 0 then redis.call('HDEL', KEYS[2], state[i]) end
end
return {last, readings, history}`;

/**
 * Adds a batch, unless its number shows that it was added before, or that one before it is missing.
 * Does what it requests, which is the same when it is done again because Redis had no memory to go on.
 */
export const ADD = `
local name, number, read, tail, lines, passing, bytes, keep = unpack(ARGV)
local state = redis.call('HMGET', KEYS[2], name, 'last')
local before = tonumber(string.match(state[1] or '0', '^%d+'))
local last = state[2] or '${START}'
if tonumber(number) <= before then return end
if tonumber(number) > before + 1 then
  local why = before == 0 and 'does not know this server any more' or 'has forgotten what was sent here'
  return redis.error_reply('out of sync: redis ' .. why)
end
local function bytesUpTo(at)
  return tonumber(string.match(redis.call('LINDEX', KEYS[3], at) or '0', '^%d+'))
end
local sum = bytes == '0' and 0 or bytesUpTo('-1') + bytes
local granted = ''
for i = 9, #ARGV do
  local what, key = string.match(ARGV[i], '^(%l+) (.*)$')
  local field = 'name ' .. key
  local owner = redis.call('HGET', KEYS[2], field)
  local isFree = not owner or owner == name or redis.call('HEXISTS', KEYS[2], owner) == 0
  if what == 'drop' then redis.call('HDEL', KEYS[2], key) end
  if what == 'release' and owner == name then redis.call('HDEL', KEYS[2], field) end
  if what == 'reserve' and isFree then redis.call('HSET', KEYS[2], field, name) end
  if what == 'reserve' then granted = granted .. (isFree and '1' or '0') end
end
local id = redis.call('XADD', KEYS[1], 'MINID', '~', tail, '*', 'after', last, 'by', name, 'number', number, 'read', read, 'lines', lines, 'passing', passing, 'granted', granted)
redis.call('HSET', KEYS[2], name, number .. ' ' .. read .. ' ' .. id, 'last', id)
if read == '${GONE}' then redis.call('HDEL', KEYS[2], name) end
if bytes ~= '0' then
  redis.call('RPUSH', KEYS[3], sum .. ' ' .. lines)
  while sum - bytesUpTo('0') >= tonumber(keep) do redis.call('LPOP', KEYS[3]) end
end`;
