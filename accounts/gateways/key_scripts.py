"""What Redis does in one step for API keys and limits.

Keys: apikey:{digest} holds what is known of one key (an empty id: nobody has it), apikey:{id}:at
its digest, apikey:{id}:floor the oldest version that may still be stored, limit:{who} a sliding
window (of a key one more for each product with limits of its own),
quota:{organization}:{product or -}:{month} a month's use, api_calls the stream of calls,
apikey:uses and apikey:seen what is not yet in the database. Scripts make some of these names
themselves, so they need one Redis, not a Redis Cluster.

A limit is a sliding window: the calls of this window and, weighed by how much of it still lies
within the last minute, those of the one before. It starts with the first call, so it lets
exactly its number through from rest, and twice that never.
"""

from __future__ import annotations

from accounts.rules.verdicts import STATUSES, Code
from config.kit.scripts import Script

_WINDOW = """
local function weigh(key, now, window)
    local began, count, before = now, 0, 0
    local held = redis.call('GET', key)
    if held then
        local a, b, c = string.match(held, '^(%d+) (%d+) (%d+)$')
        if a then
            began, count, before = tonumber(a), tonumber(b), tonumber(c)
            local gone = now - began
            if gone >= 2 * window then
                began, count, before = now, 0, 0
            elseif gone >= window then
                began, count, before = began + window, 0, count
            end
        end
    end
    local gone = math.max(0, now - began)
    local used = count + before * (1 - gone / window)
    return {began = began, count = count, before = before, used = used, left = window - gone}
end
local function fits(held, limit, cost) return held.used + cost <= limit end
local function spend(key, held, window, cost)
    held.count, held.used = held.count + cost, held.used + cost
    redis.call('SET', key,
        string.format('%.0f %.0f %.0f', held.began, held.count, held.before), 'PX', 2 * window)
end
local function wait(held, window, limit, cost)
    if cost > limit then return window end
    if held.count + cost <= limit then
        local weight = (limit - held.count - cost) / held.before
        return math.max(1, math.ceil(held.left - window * weight))
    end
    return math.ceil(held.left + window * (1 - (limit - cost) / held.count))
end
local function remaining(held, limit) return math.max(0, math.floor(limit - held.used)) end
"""

# who | now window limit cost -> passed, remaining, ms until the window ends, ms to wait
TAKE = Script(
    _WINDOW
    + """
local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cost = tonumber(ARGV[4])
local held = weigh(KEYS[1], now, window)
if fits(held, limit, cost) then
    spend(KEYS[1], held, window, cost)
    return {1, remaining(held, limit), held.left, 0}
end
return {0, remaining(held, limit), held.left, wait(held, window, limit, cost)}
"""
)

_JUDGE = """
local function known(digest, rate, quota)
    local f = redis.call('HMGET', digest, 'id', 'organization', 'standing', 'expires', 'overlap',
        'networks', 'scopes', 'facts', 'rate', 'quota', rate, quota)
    if not f[1] then return nil end
    return {id = f[1], organization = f[2], standing = f[3], expires = f[4], overlap = f[5],
        networks = f[6], scopes = f[7], facts = f[8], rate = f[11] or f[9],
        quota = f[12] or f[10], own = f[11]}
end
local function asking(digest)
    local f = redis.call('HMGET', digest, 'id', 'organization', 'standing', 'expires', 'overlap',
        'networks', 'scopes')
    if not f[1] then return nil end
    return {id = f[1], organization = f[2], standing = f[3], expires = f[4], overlap = f[5],
        networks = f[6], scopes = f[7]}
end
local function inside(networks, ip)
    if networks == '' then return true end
    if ip == '' then return false end
    for low, high in string.gmatch(networks, '(%x+)-(%x+)') do
        if low <= ip and ip <= high then return true end
    end
    return false
end
local function holds(key, scope) return string.find(key.scopes, ' ' .. scope .. ' ', 1, true) end
local function judge(key, now, ip, scopes)
    if key.id == '' then return 'NOT_FOUND' end
    if key.standing ~= 'VALID' then return key.standing end
    if key.overlap ~= '' and now >= tonumber(key.overlap) then return 'REVOKED' end
    if key.expires ~= '' and now >= tonumber(key.expires) then return 'EXPIRED' end
    if not inside(key.networks, ip) then return 'FORBIDDEN' end
    for scope in string.gmatch(scopes, '%S+') do
        if not holds(key, scope) then return 'INSUFFICIENT_SCOPE' end
    end
    return 'VALID'
end
"""

# digest, uses, seen | now ip -> nothing when unknown, else code, facts
AUTHENTICATE = Script(
    _JUDGE
    + """
local now = tonumber(ARGV[1])
local key = known(KEYS[1], 'rate', 'quota')
if not key then return {} end
local code = judge(key, now, ARGV[2], '')
if code == 'VALID' then
    redis.call('HINCRBY', KEYS[2], key.id, 1)
    redis.call('HSET', KEYS[3], key.id, ARGV[1] .. ' ' .. ARGV[2])
end
return {code, key.facts}
"""
)

_STATUS = f"""
local function status_of(code)
    if code == 'VALID' then return '{STATUSES[Code.VALID]}' end
    return ({{{", ".join(f"{code} = '{status}'" for code, status in STATUSES.items())}}})[code]
end
"""

# caller, key, stream, uses, seen, refused entries
# | now window caller_ip ip scopes product cost month call_id endpoint method recorded
#   took_ms longest_stream
# -> 'unknown' 'caller'|'key' ; 'unknown' 'quota' counter organization ; 'caller' code
#  ; 'answer' code facts recorded [limit remaining reset quota used]
VERIFY = Script(
    _WINDOW
    + _JUDGE
    + _STATUS
    + """
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local product, cost = ARGV[6], tonumber(ARGV[7])
local caller = asking(KEYS[1])
if not caller then return {'unknown', 'caller'} end
local code = judge(caller, now, ARGV[3], '')
if code ~= 'VALID' then return {'caller', code} end
local any = holds(caller, 'platform:verify')
if not any and not holds(caller, 'keys:verify') then return {'caller', 'INSUFFICIENT_SCOPE'} end
local key = known(KEYS[2], 'rate:' .. product, 'quota:' .. product)
if not key then return {'unknown', 'key'} end
if key.id == '' or not (any or key.organization == caller.organization) then
    return {'answer', 'NOT_FOUND'}
end
local limit, quota = tonumber(key.rate), tonumber(key.quota)
local own = key.own and product ~= ''
local who = 'limit:key:' .. key.id .. (own and ':' .. product or '')
local counter = 'quota:' .. key.organization .. ':' .. (own and product or '-') .. ':' .. ARGV[8]
local held, used
code = judge(key, now, ARGV[4], ARGV[5])
if code == 'VALID' then
    used = tonumber(redis.call('GET', counter))
    if not used then return {'unknown', 'quota', counter, key.organization} end
    held = weigh(who, now, window)
    if not fits(held, limit, cost) then
        code = 'RATE_LIMITED'
    elseif quota and used >= quota then
        code = 'USAGE_EXCEEDED'
    else
        spend(who, held, window, cost)
        used = redis.call('INCR', counter)
        redis.call('HINCRBY', KEYS[4], key.id, 1)
    end
end
redis.call('HINCRBY', KEYS[4], caller.id, 1)
local seen = ARGV[1] .. ' ' .. ARGV[3]
if code == 'VALID' then
    redis.call('HSET', KEYS[5], caller.id, seen, key.id, ARGV[1] .. ' ' .. ARGV[4])
else
    redis.call('HSET', KEYS[5], caller.id, seen)
end
local recorded = 0
if ARGV[12] == '0' then
    -- asked not to
elseif redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[14]) then
    redis.call('INCR', KEYS[6])
else
    recorded = 1
    redis.call('XADD', KEYS[3], '*', 'id', ARGV[9], 'at', ARGV[1], 'org', key.organization,
        'key', key.id, 'product', product, 'endpoint', ARGV[10], 'method', ARGV[11],
        'status', status_of(code), 'latency', ARGV[13], 'outcome', code)
end
if not held then return {'answer', code, key.facts, recorded} end
return {'answer', code, key.facts, recorded, limit, remaining(held, limit), held.left, key.quota, used}
"""
)

# digest | version ms_to_live id organization standing expires overlap networks scopes facts
#   name value name value ... (limits) -> 1 stored, 0 refused: older than the floor
STORE = Script(
    """
local floor = redis.call('GET', 'apikey:' .. ARGV[3] .. ':floor')
if floor and tonumber(ARGV[1]) < tonumber(floor) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'id', ARGV[3], 'organization', ARGV[4],
    'standing', ARGV[5], 'expires', ARGV[6], 'overlap', ARGV[7], 'networks', ARGV[8],
    'scopes', ARGV[9], 'facts', ARGV[10], unpack(ARGV, 11))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', 'apikey:' .. ARGV[3] .. ':at', KEYS[1], 'PX', 2 * ARGV[2])
return 1
"""
)

# digest | ms_to_live: nobody has this key
STORE_NOBODY = Script(
    """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'id', '', 'standing', 'NOT_FOUND')
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
)

# floor, at, digest ... | seconds_to_live, version ...
RAISE_FLOORS = Script(
    """
for index = 1, #ARGV - 1 do
    local low, where, digest = KEYS[3 * index - 2], KEYS[3 * index - 1], KEYS[3 * index]
    local floor, version = redis.call('GET', low), ARGV[index + 1]
    if not floor or tonumber(floor) < tonumber(version) then
        redis.call('SET', low, version, 'EX', ARGV[1])
    end
    local at = redis.call('GET', where)
    if at then redis.call('DEL', at, where) end
    redis.call('DEL', digest)
end
return #ARGV - 1
"""
)

# counter | used seconds_to_live: only when it is not there
SEED_QUOTA = Script("return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])")

# counter... -> their values
READ_COUNTERS = Script("return redis.call('MGET', unpack(KEYS))")

# uses, seen, uses being written, seen being written -> id count ..., id "time ip" ...
TAKE_USES = Script(
    """
for pair = 1, 2 do
    if redis.call('EXISTS', KEYS[pair + 2]) == 0 and redis.call('EXISTS', KEYS[pair]) == 1 then
        redis.call('RENAME', KEYS[pair], KEYS[pair + 2])
    end
end
return {redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}
"""
)

# key...
DROP = Script("return redis.call('DEL', unpack(KEYS))")
