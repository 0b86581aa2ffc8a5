/**
 * What is done in Redis at a time, in Lua. A stream has an entry for each batch: `after`, `by`,
 * `number`, `read`, `lines`. A hash beside it has in `last` the id of the last entry, in `history`
 * the length of that, in `options` those of the server that joined last, and for each server, under
 * its name, the number of its last batch and how far it had read then. A list has history, the
 * lines of a batch in each element. Another hash has, for each name of a member, the server that
 * has given it, and the number under which it was asked; and after a line end, the last number of
 * each server.
 *
 * What a script asks for, it asks first: a key of another type is an error before it has changed
 * anything.
 */

import { GONE, START } from "./stream.ts";

/** The first word of an error: something that was there is missing. */
export const FORGOTTEN = "FORGOTTEN";

/**
 * Adds a first entry for a server, and a last one for the one it was before, for which nobody has to
 * wait then; forgets those not heard of for a day.
 */
export const JOIN = `
local name, instead, keep, options = unpack(ARGV)
local state = redis.call('HGETALL', KEYS[2])
local history = keep == '0' and {} or redis.call('LRANGE', KEYS[3], '0', '-1')
local names = redis.call('HGETALL', KEYS[4])
local last = redis.call('HGET', KEYS[2], 'last') or '${START}'
if redis.call('HEXISTS', KEYS[2], instead) == 1 then
  last = redis.call('XADD', KEYS[1], '*', 'after', last, 'by', instead, 'number', '0', 'read', '${GONE}', 'lines', '')
end
local id = redis.call('XADD', KEYS[1], '*', 'after', last, 'by', name, 'number', '1', 'read', '${START}', 'lines', '')
local yesterday = tonumber(string.match(id, '^%d+')) - 86400000
for i = 1, #state, 2 do
  local read = tonumber(string.match(state[i + 1], ' (%d+)-') or '')
  if state[i] == instead or (read and read < yesterday) then redis.call('HDEL', KEYS[2], state[i]) end
end
redis.call('HSET', KEYS[2], name, '1 ' .. id, 'last', id, 'options', options)
for i = 1, #names, 2 do
  local server = string.match(names[i], '^\\n(.*)') or string.match(names[i + 1], '^%S+')
  if redis.call('HEXISTS', KEYS[2], server) == 0 then redis.call('HDEL', KEYS[4], names[i]) end
end
return {id, redis.call('HGETALL', KEYS[2]), history}`;

/** Adds a batch, unless its number shows that it was added before, or that one before it is missing. */
export const SAY = `
local name, number, read, tail, lines, keep, claimed = unpack(ARGV)
local state = redis.call('HMGET', KEYS[2], name, 'last')
local before = tonumber(string.match(state[1] or '0', '^%d+'))
local last = state[2] or '${START}'
if tonumber(number) <= before then return last end
if tonumber(number) > before + 1 then
  local why = before == 0 and 'does not know this server any more' or 'has forgotten what was said here'
  return redis.error_reply('${FORGOTTEN} redis ' .. why)
end
if claimed ~= '0' and tonumber(claimed) > tonumber(redis.call('HGET', KEYS[4], '\\n' .. name) or '0') then
  return redis.error_reply('${FORGOTTEN} redis has forgotten a name')
end
if keep ~= '0' then redis.call('LLEN', KEYS[3]) end
local id = redis.call('XADD', KEYS[1], 'MINID', '~', tail, '*', 'after', last, 'by', name, 'number', number, 'read', read, 'lines', lines)
redis.call('HSET', KEYS[2], name, number .. ' ' .. read, 'last', id)
if read == '${GONE}' then redis.call('HDEL', KEYS[2], name) end
if keep ~= '0' and lines ~= '' then
  local function bytes(text) return #text - select(2, string.gsub(text, '[\\128-\\191]', '')) end
  local length = redis.call('HINCRBY', KEYS[2], 'history', bytes(lines))
  local count = redis.call('RPUSH', KEYS[3], lines)
  while count > 1 do
    local oldest = bytes(redis.call('LINDEX', KEYS[3], '0'))
    if length - oldest < tonumber(keep) then break end
    redis.call('LPOP', KEYS[3])
    count = count - 1
    length = redis.call('HINCRBY', KEYS[2], 'history', -oldest)
  end
  if count == 1 then redis.call('HSET', KEYS[2], 'history', bytes(lines)) end
end
return id`;

/**
 * Gives a name to a server, unless a living one has it; or takes it back. A number that was seen
 * before changes nothing any more; one before it that is missing is forgotten, and its name with
 * it. No name has a line end in it.
 */
export const CLAIM = `
local what, key, server, number = unpack(ARGV)
local mine, counter = server .. ' ' .. number, '\\n' .. server
local owner = redis.call('HGET', KEYS[4], key)
local has = owner and string.match(owner, '^%S+')
local before = tonumber(redis.call('HGET', KEYS[4], counter) or '0')
if tonumber(number) <= before then return owner == mine and 1 or 0 end
if tonumber(number) > before + 1 then return redis.error_reply('${FORGOTTEN} redis has forgotten a name') end
redis.call('HSET', KEYS[4], counter, number)
if what == 'release' then
  if has == server then redis.call('HDEL', KEYS[4], key) end
  return 0
end
if has and has ~= server and redis.call('HEXISTS', KEYS[2], has) == 1 then return 0 end
redis.call('HSET', KEYS[4], key, mine)
return 1`;
