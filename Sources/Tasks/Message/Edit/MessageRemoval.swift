/// Drops messages until the others fit; a call never stays without its result, nor a result without its call.
struct MessageRemoval {
    private let messages: [ParsedMessage]
    private let tokens: [Int]
    /// The places of each call and of its results, by the call's id.
    private let places: [String: [Int]]

    init(_ messages: [ParsedMessage]) {
        self.messages = messages
        self.tokens = messages.map { TokenEstimate.count($0.parts) }
        var places: [String: [Int]] = [:]
        for (index, message) in messages.enumerated() {
            for id in Self.callIDs(message) { places[id, default: []].append(index) }
        }
        self.places = places
    }

    private static func callIDs(_ message: ParsedMessage) -> [String] {
        message.parts.compactMap { part in
            let id =
                switch part.type {
                case "tool-call": part.metaText("id")
                case "tool-result": part.metaText("tool_call_id")
                default: ""
                }
            return id.isEmpty ? nil : id
        }
    }

    /// Drops from the front.
    func oldest(tokens limit: Int) -> [ParsedMessage] {
        self.drop(until: limit) { kept in kept.startIndex }
    }

    /// Drops from the middle as long as there is one; of the last two the older.
    func middleOut(tokens limit: Int) -> [ParsedMessage] {
        self.drop(until: limit) { kept in kept.count > 2 ? kept.count / 2 : 0 }
    }

    private func drop(until limit: Int, choose: ([Int]) -> Int) -> [ParsedMessage] {
        var kept = Array(self.messages.indices)
        var total = self.tokens.reduce(0, +)
        while total > limit, !kept.isEmpty {
            let place = choose(kept)
            let dropped = self.belongingTogether(with: kept[place])
            total -= dropped.reduce(0) { $0 + self.tokens[$1] }
            if dropped.count == 1 {
                kept.remove(at: place)
            } else {
                kept.removeAll { dropped.contains($0) }
            }
        }
        return kept.map { self.messages[$0] }
    }

    /// The message, and those that calls and results tie to it, one by one. They are all there or all gone.
    private func belongingTogether(with index: Int) -> Set<Int> {
        var found: Set = [index]
        var followed: Set<String> = []
        var open = [index]
        while let next = open.popLast() {
            for id in Self.callIDs(self.messages[next]) where followed.insert(id).inserted {
                for place in self.places[id] ?? [] where found.insert(place).inserted { open.append(place) }
            }
        }
        return found
    }
}
