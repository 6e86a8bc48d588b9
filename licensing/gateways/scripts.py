"""What Redis does in one step. Facts are stored with a version; a floor says which are too old.

Keys: license:{key hash} and device:{link}:license hold facts, license:{id}:floor the oldest
version that may still be served, device:{link}:online presence, ratelimit:{who}:{endpoint}
counters of 60 seconds, licensing:validated and licensing:seen times not yet in the database.
The floor's key is made inside the scripts, from the license id that the facts carry, so these
scripts need one Redis, not a Redis Cluster.
"""

from __future__ import annotations

from config.kit.scripts import Script

_COUNT = """
local function count(key, window)
    local used = redis.call('INCR', key)
    local left = redis.call('PTTL', key)
    if left < 0 then
        redis.call('PEXPIRE', key, window * 1000)
        left = window * 1000
    end
    return used, left
end
"""
_FLOOR = """
local function outdated(id, version)
    local floor = redis.call('GET', 'license:' .. id .. ':floor')
    return floor and tonumber(version) < tonumber(floor)
end
"""

# counter | limit window -> used, ms left
COUNT = Script(
    _COUNT
    + """
return {count(KEYS[1], ARGV[2])}
"""
)

# facts, counter, touches | limit window field now -> used, ms left, facts, device (the last two
# only on a hit; the device is '' when it is known not to be linked, missing when unknown)
READ_LICENSE = Script(
    _COUNT
    + _FLOOR
    + """
local used, left = count(KEYS[2], ARGV[2])
if used > tonumber(ARGV[1]) then return {used, left} end
local held = redis.call('HMGET', KEYS[1], 'version', 'id', 'facts', ARGV[3])
if not (held[1] and held[2] and held[3]) then return {used, left} end
if outdated(held[2], held[1]) then
    redis.call('DEL', KEYS[1])
    return {used, left}
end
redis.call('ZADD', KEYS[3], 'GT', ARGV[4], held[2])
return {used, left, held[3], held[4]}
"""
)

# facts, touches (none for a device) | id version ms_to_live facts field value now
# -> 1 stored, 0 refused: facts older than the floor or than what is there, their reader was slow
STORE = Script(
    _FLOOR
    + """
if KEYS[2] then redis.call('ZADD', KEYS[2], 'GT', ARGV[7], ARGV[1]) end
if outdated(ARGV[1], ARGV[2]) then return 0 end
local held = redis.call('HGET', KEYS[1], 'version')
if held and tonumber(ARGV[2]) < tonumber(held) then return 0 end
if held and tonumber(ARGV[2]) > tonumber(held) then
    redis.call('DEL', KEYS[1])
    held = false
end
if held and redis.call('HLEN', KEYS[1]) > 5000 then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'id', ARGV[1], 'facts', ARGV[4], ARGV[5], ARGV[6])
if not held then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
"""
)

# floor, facts | version seconds_to_live
RAISE_FLOOR = Script(
    """
local floor = redis.call('GET', KEYS[1])
if not floor or tonumber(floor) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
local held = redis.call('HGET', KEYS[2], 'version')
if held and tonumber(held) < tonumber(ARGV[1]) then redis.call('DEL', KEYS[2]) end
return 1
"""
)

# facts, online, counter, touches | token limit window online_seconds now link
# -> 'miss' | 'token' | 'ok', used, ms left, facts (facts only when within the limit)
BEAT = Script(
    _COUNT
    + _FLOOR
    + """
local held = redis.call('HMGET', KEYS[1], 'version', 'id', 'facts', 'token')
if not (held[1] and held[2] and held[3] and held[4]) then return {'miss'} end
if outdated(held[2], held[1]) then
    redis.call('DEL', KEYS[1])
    return {'miss'}
end
if held[4] ~= ARGV[1] then return {'token'} end
local used, left = count(KEYS[3], ARGV[3])
if used > tonumber(ARGV[2]) then return {'ok', used, left} end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[4])
redis.call('ZADD', KEYS[4], 'GT', ARGV[5], ARGV[6])
return {'ok', used, left, held[3]}
"""
)

# touches, written | now every most -> member, time, member, time...
# Only what was not written within `every` seconds; nothing is taken away before CONFIRM_TOUCHES.
DUE_TOUCHES = Script(
    """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1] - ARGV[2])
local due = {}
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for index = 1, #all, 2 do
    if #due >= 2 * tonumber(ARGV[3]) then break end
    if not redis.call('ZSCORE', KEYS[2], all[index]) then
        due[#due + 1] = all[index]
        due[#due + 1] = all[index + 1]
    end
end
return due
"""
)

# touches, written | now member time member time...
CONFIRM_TOUCHES = Script(
    """
for index = 2, #ARGV, 2 do
    local score = redis.call('ZSCORE', KEYS[1], ARGV[index])
    if score and tonumber(score) <= tonumber(ARGV[index + 1]) then
        redis.call('ZREM', KEYS[1], ARGV[index])
    end
    redis.call('ZADD', KEYS[2], ARGV[1], ARGV[index])
end
return 1
"""
)

# online... -> one 0 or 1 each
ONLINE = Script(
    """
local answer = {}
for index, key in ipairs(KEYS) do answer[index] = redis.call('EXISTS', key) end
return answer
"""
)

# online, facts
FORGET_DEVICE = Script("return redis.call('DEL', KEYS[1], KEYS[2])")

# key
DROP = Script("return redis.call('DEL', KEYS[1])")

# touches | time member
NOTE_TIME = Script("return redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])")
