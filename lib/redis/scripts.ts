/**
 * What is done in Redis at a time, in Lua. A stream has an entry for each batch: `about`, which is
 * `after by number read kind granted`, and `lines`; or `apart`, if these are many, and in another stream
 * under the same id, where the server that has sent them does not read them. A hash has the servers:
 * each under its name, with the number of what it added or told last, and how far it had read then;
 * `last`, the id of the last entry; and `options`, those of the room. Another hash has the names of
 * members, each with the server where it is.
 *
 * What a script asks for, it asks first: a key of another type is an error before it has changed
 * anything. An error of its own begins with the `Trouble` that it is.
 */

import { START } from "./stream.ts";

/** What is longer is apart: where Redis has it, such an entry is alone. */
const APART_BYTES = 4 << 10;

const COMMON = `
local stream, apart, servers, names = unpack(KEYS)
local name, number, read = unpack(ARGV, 1, 3)
local found = redis.call('HMGET', servers, name, 'last')
local before = tonumber(string.match(found[1] or '', '^%d+')) or -1
local last = found[2] or '${START}'
local function objection(isExpected)
  local ms, sequence = string.match(read, '(%d+)-(%d+)')
  local lastMs, lastSequence = string.match(last, '(%d+)-(%d+)')
  local more = ms - lastMs
  if more > 0 or more == 0 and sequence - lastSequence > 0 then
    return redis.error_reply('out of sync: redis has forgotten what was sent')
  end
  return not isExpected and redis.error_reply('redis is away: it considers this server down')
end
local function forget(server)
  local freed, all = {}, redis.call('HGETALL', names)
  redis.call('HDEL', servers, server)
  for i = 1, #all, 2 do
    if all[i + 1] == server then
      redis.call('HDEL', names, all[i])
      table.insert(freed, all[i])
    end
  end
  return freed
end
`;

/**
 * Adds a first entry for a server, also in place of the one that it was before. It is refused if there
 * are others with other options; else the room has those of this server from now on, and nothing of
 * what was before, nor if nobody knows any more which it had.
 */
export const JOIN = `${COMMON}
local instead, options = unpack(ARGV, 4, 5)
local common = redis.call('HGET', servers, 'options')
redis.call('XLEN', apart)
if read == '' then read = last end
local why = objection(before < tonumber(number))
if why then return why end
for _, other in ipairs(redis.call('HKEYS', servers)) do
  local isOther = other ~= 'last' and other ~= 'options' and other ~= name and other ~= instead
  if isOther and common ~= options then return {'', common, redis.call('HGETALL', servers)} end
end
for i = 6, #ARGV do
  local owner = redis.call('HGET', names, ARGV[i])
  if owner and owner ~= name then
    return redis.error_reply('out of sync: the name of a member was given to another one')
  end
end
local about = table.concat({last, name, number, read, 'join'}, ' ')
local id = redis.call('XADD', stream, '*', 'about', about, 'lines', '')
if common ~= options then
  redis.call('XTRIM', stream, 'MAXLEN', '1')
  redis.call('XTRIM', apart, 'MAXLEN', '0')
end
if instead ~= '' then forget(instead) end
for i = 6, #ARGV do redis.call('HSET', names, ARGV[i], name) end
redis.call('HSET', servers, name, number .. ' ' .. read, 'last', id, 'options', options)
return {id, last, redis.call('HGETALL', servers)}`;

/** Adds a batch, unless one before it is missing, and does what it requests. */
export const ADD = `${COMMON}
local tail, kind, lines = unpack(ARGV, 4, 6)
local why = objection(before == number - 1)
if why then return why end
redis.call('XTRIM', apart, 'MINID', tail)
local granted, leaves = '', false
for i = 7, #ARGV do
  local what, key = string.match(ARGV[i], '^(%l+) ?(.*)$')
  local owner = redis.call('HGET', names, key)
  if what == 'leave' then leaves = true end
  if what == 'release' and owner == name then redis.call('HDEL', names, key) end
  if what == 'reserve' then
    if not owner then redis.call('HSET', names, key, name) end
    granted = granted .. ((not owner or owner == name) and '1' or '0')
  end
end
local about = table.concat({last, name, number, read, kind, granted}, ' ')
local id
if #lines > ${APART_BYTES} then
  id = redis.call('XADD', stream, 'MINID', tail, '*', 'about', about, 'apart', '')
  redis.call('XADD', apart, id, 'lines', lines)
else
  id = redis.call('XADD', stream, 'MINID', tail, '*', 'about', about, 'lines', lines)
end
redis.call('HSET', servers, name, number .. ' ' .. read, 'last', id)
if leaves then forget(name) end`;

/** A heartbeat, which is numbered as batches are: tells that a server is there, and which others are. */
export const BEAT = `${COMMON}
local why = objection(before == number - 1)
if why then return why end
redis.call('HSET', servers, name, number .. ' ' .. read)
return {last, redis.call('HGETALL', servers)}`;

/** Forgets a server, if it is still as it was long ago; then, returns so, and the names of its members. */
export const DROP = `${COMMON}
return found[1] == ARGV[2] and {1, forget(name)}`;
