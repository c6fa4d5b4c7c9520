package import Postgres

/// The outbox at a glance: what waits and why, what is dead, what goes out, and who is at work.
package struct OutboxStats: Sendable, Encodable {
    /// By the database's clock, as all times here.
    package let at: PostgresTimestamp
    /// Of everything, by an operator.
    package let pause: OperatorPause?
    package let pending: Pending
    /// Those with pending events, and those that are paused or fail; most events first, 100 at most.
    package let destinations: [DestinationStatus]
    package let dead: Dead
    package let discarded: Int
    package let delivered: Delivered
    package let replaysRunning: Int
    /// Every relay seen within the hour; the last seen first.
    package let relays: [SeenRelay]
    /// The outbox's days, latest first; `outbox_default` has what belongs to none.
    package let partitions: [TableSize]
    /// The other tables.
    package let tables: [TableSize]

    package struct Pending: Sendable, Encodable {
        package let count: Int
        /// Their time has come, whether or not they can go out.
        package let due: Int
        /// Waiting for their next attempt.
        package let delayed: Int
        /// Held by a relay that is publishing them.
        package let inFlight: Int
        /// Since when the oldest waits; one that was queued again, since then.
        package let oldestAt: PostgresTimestamp?
        package let oldestAgeSeconds: Double
        package let oldestDueAt: PostgresTimestamp?
        package let oldestDueAgeSeconds: Double
    }

    package struct Dead: Sendable, Encodable {
        package let count: Int
        package let oldestAt: PostgresTimestamp?
        /// Most first, 20 at most.
        package let byError: [DeadReason]
    }

    package struct DeadReason: Sendable, Encodable {
        package let error: String
        package let count: Int
        package let firstAt: PostgresTimestamp
        package let lastAt: PostgresTimestamp
        /// Ids, the latest first; 3 at most.
        package let sample: [String]
    }

    package struct Delivered: Sendable, Encodable {
        package let lastAt: PostgresTimestamp?
        package let lastMinute: Int
        package let lastHour: Int
        /// The last 60 minutes, the latest last.
        package let perMinute: [Int]
    }

    package struct SeenRelay: Sendable, Encodable {
        package let instance: String
        package let host: String
        package let pid: Int
        package let version: String
        package let startedAt: PostgresTimestamp
        package let seenAt: PostgresTimestamp
        /// Seen within 30 seconds; it reports every 5.
        package let isAlive: Bool
        /// `connected`, `blocked` or `away`.
        package let broker: String
        package let brokerError: String?
    }

    package struct TableSize: Sendable, Encodable {
        package let name: String
        /// As the planner takes it to be; nil before the first ANALYZE.
        package let rowsEstimate: Int?
        /// With its indexes.
        package let bytes: Int
    }

    /// Reads everything anew. Counting what is pending takes the longest: a second for some millions.
    ///
    /// - Throws: `PostgresError`.
    package static func read(in session: PostgresSession) throws -> OutboxStats {
        let obstacles = try Obstacles(in: session)
        let ages = try session.query(Self.ages, decode: Ages.init(row:))[0]
        let waiting = try session.query(Self.waiting, decode: Waiting.init(row:))
        let relations = try session.query(Self.sizes) { row in
            let (isPartition, name, rows, bytes) = try row.decode(Bool.self, String.self, Int?.self, Int.self)
            return (isPartition: isPartition, size: TableSize(name: name, rowsEstimate: rows, bytes: bytes))
        }
        return OutboxStats(
            at: ages.now, pause: obstacles.pauseOfAll, pending: Pending(waiting.first, ages),
            destinations: Self.destinations(waiting, obstacles), dead: try Self.dead(in: session),
            discarded: ages.discarded, delivered: try Self.delivered(in: session),
            replaysRunning: ages.replaysRunning, relays: try session.query(Self.relays, decode: SeenRelay.init(row:)),
            partitions: relations.filter(\.isPartition).map(\.size),
            tables: relations.filter { !$0.isPartition }.map(\.size)
        )
    }

    private static func destinations(_ waiting: [Waiting], _ obstacles: Obstacles) -> [DestinationStatus] {
        let others = obstacles.destinations.subtracting(waiting.map(\.destination))
            .sorted { ($0.exchange, $0.routingKey) < ($1.exchange, $1.routingKey) }
        return waiting.map { obstacles.status(of: $0.destination, events: $0.count) }
            + others.prefix(Self.mostDestinations).map { obstacles.status(of: $0, events: 0) }
    }

    private static func dead(in session: PostgresSession) throws -> Dead {
        var count = 0
        var oldest: PostgresTimestamp?
        let reasons = try session.query(Self.deadReasons) { row in
            let (total, oldestOfAll, error, ofThis, first, last, sample) = try row.decode(
                Int.self, PostgresTimestamp.self, String.self, Int.self, PostgresTimestamp.self,
                PostgresTimestamp.self, [String].self
            )
            (count, oldest) = (total, oldestOfAll)
            return DeadReason(error: error, count: ofThis, firstAt: first, lastAt: last, sample: sample)
        }
        return Dead(count: count, oldestAt: oldest, byError: reasons)
    }

    private static func delivered(in session: PostgresSession) throws -> Delivered {
        var minutes = Array(repeating: 0, count: 60)
        var last: PostgresTimestamp?
        let counts = try session.query(Self.deliveries) { row in
            try row.decode(PostgresTimestamp?.self, Int?.self, Int?.self)
        }
        for (lastAt, minutesAgo, count) in counts {
            last = lastAt
            if let minutesAgo, let count { minutes[59 - min(max(0, minutesAgo), 59)] += count }
        }
        return Delivered(lastAt: last, lastMinute: minutes[59], lastHour: minutes.reduce(0, +), perMinute: minutes)
    }
}

// MARK: Rows

extension OutboxStats {
    fileprivate struct Ages {
        let now: PostgresTimestamp
        let oldest: PostgresTimestamp?
        let oldestDue: PostgresTimestamp?
        let discarded: Int
        let replaysRunning: Int

        init(row: borrowing PostgresRow) throws {
            (self.now, self.oldest, self.oldestDue, self.discarded, self.replaysRunning) = try row.decode(
                PostgresTimestamp.self, PostgresTimestamp?.self, PostgresTimestamp?.self, Int.self, Int.self
            )
        }

        func seconds(since time: PostgresTimestamp?) -> Double {
            time.map { max(0, Double(self.now.unixMicroseconds - $0.unixMicroseconds) / 1_000_000) } ?? 0
        }
    }

    /// One destination, and what all of them have together.
    fileprivate struct Waiting {
        let destination: Destination
        let count: Int
        let total: Int
        let delayed: Int
        let inFlight: Int

        init(row: borrowing PostgresRow) throws {
            let (exchange, routingKey, count, total, delayed, inFlight) = try row.decode(
                String.self, String.self, Int.self, Int.self, Int.self, Int.self
            )
            self.destination = Destination(exchange: exchange, routingKey: routingKey)
            (self.count, self.total, self.delayed, self.inFlight) = (count, total, delayed, inFlight)
        }
    }
}

extension OutboxStats.Pending {
    fileprivate init(_ waiting: OutboxStats.Waiting?, _ ages: OutboxStats.Ages) {
        self.count = waiting?.total ?? 0
        self.delayed = waiting?.delayed ?? 0
        self.due = self.count - self.delayed
        self.inFlight = waiting?.inFlight ?? 0
        self.oldestAt = ages.oldest
        self.oldestAgeSeconds = ages.seconds(since: ages.oldest)
        self.oldestDueAt = ages.oldestDue
        self.oldestDueAgeSeconds = ages.seconds(since: ages.oldestDue)
    }
}

extension OutboxStats.SeenRelay {
    fileprivate init(row: borrowing PostgresRow) throws {
        (
            self.instance, self.host, self.pid, self.version, self.startedAt, self.seenAt, self.isAlive, self.broker,
            self.brokerError
        ) = try row.decode(
            String.self, String.self, Int.self, String.self, PostgresTimestamp.self, PostgresTimestamp.self, Bool.self,
            String.self, String?.self
        )
    }
}

// MARK: Statements

extension OutboxStats {
    private static let mostDestinations = 100

    private static let ages = PostgresStatement(
        "inspection.ages",
        """
        SELECT now(),
            least(
                (SELECT skillrelay.uuid7_time(id) FROM skillrelay.outbox_pending
                    WHERE queued_at IS NULL ORDER BY id LIMIT 1),
                (SELECT queued_at FROM skillrelay.outbox_pending WHERE queued_at IS NOT NULL ORDER BY queued_at LIMIT 1)),
            least(
                (SELECT skillrelay.uuid7_time(id) FROM skillrelay.outbox_pending
                    WHERE queued_at IS NULL AND next_attempt_at <= now() ORDER BY id LIMIT 1),
                (SELECT queued_at FROM skillrelay.outbox_pending
                    WHERE queued_at IS NOT NULL AND next_attempt_at <= now() ORDER BY queued_at LIMIT 1)),
            (SELECT count(*) FROM skillrelay.outbox_discarded),
            (SELECT count(*) FROM skillrelay.replays WHERE state = 'running')
        """,
        isReadOnly: true
    )

    // A row is in flight while the transaction that has locked it, its xmax, runs: it is in the snapshot's list, or too new to be. (A row
    // that was let go keeps its xmax.) Transaction ids are compared in 32 bits, as the row has them.
    private static let waiting = PostgresStatement(
        "inspection.waiting",
        """
        WITH running AS (
            SELECT array_agg((xid::text::bigint & 4294967295)::text::xid) AS ids,
                (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint & 4294967295) AS next
            FROM pg_snapshot_xip(pg_current_snapshot()) AS xid
        ), counted AS (
            SELECT exchange, routing_key, count(*) AS events,
                count(*) FILTER (WHERE next_attempt_at > now()) AS delayed,
                count(*) FILTER (WHERE p.xmax <> '0' AND (p.xmax = ANY (running.ids)
                    OR ((p.xmax::text::bigint - running.next) & 4294967295) < 2147483648)) AS in_flight
            FROM skillrelay.outbox_pending AS p, running
            GROUP BY exchange, routing_key
        )
        SELECT exchange, routing_key, events, sum(events) OVER ()::bigint, sum(delayed) OVER ()::bigint,
            sum(in_flight) OVER ()::bigint
        FROM counted
        ORDER BY events DESC, exchange, routing_key
        LIMIT \(mostDestinations)
        """,
        isReadOnly: true
    )

    private static let deadReasons = PostgresStatement(
        "inspection.deadReasons",
        """
        SELECT sum(count(*)) OVER ()::bigint, min(min(died_at)) OVER (), left(last_error, 1000), count(*), min(died_at),
            max(died_at), (array_agg(id::text ORDER BY died_at DESC))[1:3]
        FROM skillrelay.outbox_dead
        GROUP BY left(last_error, 1000)
        ORDER BY count(*) DESC
        LIMIT 20
        """,
        isReadOnly: true
    )

    // Batches are numbered as they are confirmed, but for a moment: the first of the hour is found by halving.
    private static let deliveries = PostgresStatement(
        "inspection.deliveries",
        """
        WITH RECURSIVE ends AS (
            SELECT (SELECT batch FROM skillrelay.outbox_deliveries ORDER BY batch LIMIT 1) AS first,
                (SELECT batch FROM skillrelay.outbox_deliveries ORDER BY batch DESC LIMIT 1) AS last
        ), step (low, high) AS (
            SELECT first, last + 1 FROM ends
            UNION ALL
            SELECT CASE WHEN probe.is_old THEN probe.batch + 1 ELSE low END,
                CASE WHEN probe.is_old THEN high ELSE (low + high) / 2 END
            FROM step, LATERAL (
                SELECT batch, confirmed_at < now() - interval '1 hour' AS is_old
                FROM skillrelay.outbox_deliveries WHERE batch >= (low + high) / 2 ORDER BY batch LIMIT 1
            ) AS probe
            WHERE low < high
        ), minute AS (
            SELECT floor(extract(epoch FROM now() - confirmed_at) / 60)::int AS ago, sum(cardinality(ids))::bigint AS events
            FROM skillrelay.outbox_deliveries
            WHERE batch >= (SELECT low FROM step WHERE low >= high) AND confirmed_at >= now() - interval '1 hour'
            GROUP BY 1
        ), latest AS (
            SELECT confirmed_at FROM skillrelay.outbox_deliveries ORDER BY batch DESC LIMIT 1
        )
        SELECT latest.confirmed_at, minute.ago, minute.events FROM latest LEFT JOIN minute ON true
        """,
        isReadOnly: true
    )

    private static let relays = PostgresStatement(
        "inspection.relays",
        """
        SELECT instance::text, host, pid, version, started_at, seen_at, seen_at > now() - interval '30 seconds', broker,
            broker_error
        FROM skillrelay.relays
        ORDER BY seen_at DESC
        """,
        isReadOnly: true
    )

    private static let sizes = PostgresStatement(
        "inspection.sizes",
        """
        SELECT inherits.inhrelid IS NOT NULL, c.relname::text, nullif(c.reltuples, -1)::bigint,
            pg_total_relation_size(c.oid)
        FROM pg_class AS c
        LEFT JOIN pg_inherits AS inherits ON inherits.inhrelid = c.oid
        WHERE c.relkind = 'r' AND (inherits.inhparent = 'skillrelay.outbox'::regclass
            OR c.relnamespace = 'skillrelay'::regnamespace AND inherits.inhrelid IS NULL)
        ORDER BY c.relname = 'outbox_default', c.relname DESC
        """,
        isReadOnly: true
    )
}
