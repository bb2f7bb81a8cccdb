//! What Redis does in one step.

use std::sync::LazyLock;

use redis::Script;

/// Publishes messages of a queue behind those that are published, and remembers how far it came; in
/// one step, so that a relay that dies in between leaves nothing to guess.
///
/// `KEYS`: the relay's hash, the stream. `ARGV`: the queue; the number up to which the caller thinks
/// it is published; the number to start from if Redis knows none; the number of the last message
/// that is sent; how many messages the stream may hold; then for each message its envelope and its
/// place. Answers up to where the queue is published now, and the length of the stream. When the
/// caller was wrong, or thought that there is more room, nothing is published.
pub(crate) static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local at = redis.call('HGET', KEYS[1], ARGV[1])
        if not at then
            at = ARGV[3]
            redis.call('HSET', KEYS[1], ARGV[1], at, 'base:' .. ARGV[1], at)
        end
        local sent = (#ARGV - 5) / 2
        local fits = redis.call('XLEN', KEYS[2]) + sent <= tonumber(ARGV[5])
        if at == ARGV[2] and sent > 0 and fits then
            for nth = 6, #ARGV, 2 do
                redis.call('XADD', KEYS[2], '*', 'data', ARGV[nth], 'place', ARGV[nth + 1])
            end
            at = ARGV[4]
            redis.call('HSET', KEYS[1], ARGV[1], at)
        end
        return {at, redis.call('XLEN', KEYS[2])}",
    )
});

/// Publishes one message, if it is the next of its queue and the stream has room.
///
/// `KEYS`: the relay's hash, the stream. `ARGV`: the queue; the number before that of the message,
/// up to which the queue has to be published; its number; how many messages the stream may hold; its
/// envelope and its place. Answers 1 if it was published, and 0 if not. It never begins a queue: what
/// Redis does not know is for a relay to say.
pub(crate) static CARRY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
        if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
        redis.call('XADD', KEYS[2], '*', 'data', ARGV[5], 'place', ARGV[6])
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
        return 1",
    )
});

/// Makes a group that reads all there is, unless there is one, and remembers up to where PostgreSQL
/// feeds it: up to the first message of each queue from which on all that is published is in the
/// stream, for one before a gap may be a copy that somebody made. A group that is there
/// came with what a replica or a file had of it: of a queue that it does not know yet it is fed up
/// to where publishing began anew.
///
/// `KEYS`: the relay's hash, the stream. `ARGV`: the group; how many entries are looked at; the
/// consumer, without which the group would count as abandoned; then pairs of queues and the numbers
/// to start from where Redis knows none. Answers pairs of queues and numbers.
pub(crate) static JOIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for nth = 4, #ARGV, 2 do
            if redis.call('HSETNX', KEYS[1], ARGV[nth], ARGV[nth + 1]) == 1 then
                redis.call('HSET', KEYS[1], 'base:' .. ARGV[nth], ARGV[nth + 1])
            end
        end
        local made = redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[1], '0', 'MKSTREAM')
        if type(made) == 'table' and made.err then
            if not string.find(made.err, 'BUSYGROUP') then return made end
            for nth = 4, #ARGV, 2 do
                local base = redis.call('HGET', KEYS[1], 'base:' .. ARGV[nth]) or '0'
                redis.call('HSETNX', KEYS[1], ARGV[1] .. '@' .. ARGV[nth], base)
            end
        else
            local first, last = {}, {}
            for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[2])) do
                local fields = entry[2]
                for nth = 1, #fields, 2 do
                    if fields[nth] == 'place' then
                        local queue, sequence = string.match(fields[nth + 1], '^(%d+) (%d+)')
                        local at = queue and tonumber(sequence)
                        if at and at > (last[queue] or 0) then
                            if at - 1 ~= last[queue] then first[queue] = at - 1 end
                            last[queue] = at
                        end
                    end
                end
            end
            local all = redis.call('XLEN', KEYS[2]) <= tonumber(ARGV[2])
            for nth = 4, #ARGV, 2 do
                local queue = ARGV[nth]
                local upto = redis.call('HGET', KEYS[1], queue)
                if first[queue] and (last[queue] == tonumber(upto) or not all) then
                    upto = string.format('%.0f', first[queue])
                end
                redis.call('HSET', KEYS[1], ARGV[1] .. '@' .. ARGV[nth], upto)
            end
        end
        redis.call('XGROUP', 'CREATECONSUMER', KEYS[2], ARGV[1], ARGV[3])
        local answer = {}
        for nth = 4, #ARGV, 2 do
            local upto = redis.call('HGET', KEYS[1], ARGV[1] .. '@' .. ARGV[nth])
            if upto then
                answer[#answer + 1] = ARGV[nth]
                answer[#answer + 1] = upto
            end
        end
        return answer",
    )
});

/// Removes the entries that every group has acknowledged; of a stream that nobody reads, all but
/// the newest. Removes groups of ours whose consumers have all been silent for too long; for less
/// long when the stream is full, since others wait for its room.
///
/// `KEYS`: the stream, the relay's hash. `ARGV`: how many entries a stream without groups keeps;
/// how many milliseconds of silence are too long, ever and in a full stream; how many entries make
/// it full. Answers the length before and after, and how many entries the group that has the fewest
/// before it has not read: none where Redis does not know.
pub(crate) static TRIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, 0} end
        local function parts(id)
            local ms, seq = string.match(id, '^(%d+)-(%d+)$')
            return tonumber(ms), tonumber(seq)
        end
        local function fields(list)
            local of = {}
            for nth = 1, #list, 2 do of[list[nth]] = list[nth + 1] end
            return of
        end
        local before = redis.call('XLEN', KEYS[1])
        local full = before >= tonumber(ARGV[4])
        local silence = tonumber(full and ARGV[3] or ARGV[2])
        local joined = {}
        for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
            local name = string.match(field, '^(.*)@%d+$')
            if name then
                joined[name] = joined[name] or {}
                table.insert(joined[name], field)
            end
        end
        local function abandoned(name)
            if not joined[name] then return false end
            for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
                if fields(consumer)['idle'] < silence then return false end
            end
            redis.call('XGROUP', 'DESTROY', KEYS[1], name)
            redis.call('HDEL', KEYS[2], unpack(joined[name]))
            return true
        end
        local first_ms, first_seq, unread
        for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
            local of = fields(group)
            local young = of['consumers'] == 0 and not full
            if young or not abandoned(of['name']) then
                local ms, seq = parts(of['last-delivered-id'])
                seq = seq + 1
                if of['pending'] > 0 then
                    local oldest = redis.call('XPENDING', KEYS[1], of['name'])[2]
                    if oldest then ms, seq = parts(oldest) end
                end
                unread = math.min(unread or before, of['lag'] or 0)
                if not first_ms or ms < first_ms or (ms == first_ms and seq < first_seq) then
                    first_ms, first_seq = ms, seq
                end
            end
        end
        if first_ms then
            local id = string.format('%.0f-%.0f', first_ms, first_seq)
            redis.call('XTRIM', KEYS[1], 'MINID', id)
        else
            redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[1])
        end
        return {before, redis.call('XLEN', KEYS[1]), unread or before}",
    )
});

/// Has another consumer own what one has in hand, as if it had been silent for a while.
///
/// `KEYS`: the stream. `ARGV`: the group, the consumer, the other one, how many entries at most, and
/// the milliseconds of silence. Answers how many there were.
pub(crate) static HAND_OVER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
        if pending.err then return 0 end
        local ids = {}
        for nth, one in ipairs(pending) do ids[nth] = one[1] end
        if #ids == 0 then return 0 end
        local claim = {'XCLAIM', KEYS[1], ARGV[1], ARGV[3], '0'}
        for _, id in ipairs(ids) do claim[#claim + 1] = id end
        for _, word in ipairs({'IDLE', ARGV[5], 'JUSTID'}) do claim[#claim + 1] = word end
        redis.call(unpack(claim))
        return #ids",
    )
});

/// Forgets a consumer, unless it has something pending.
///
/// `KEYS`: the stream. `ARGV`: the group, the consumer.
pub(crate) static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
        return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])",
    )
});
