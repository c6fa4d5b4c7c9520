import Foundation

/// What an operator keeps back, as a claim has found it in `skillrelay.pauses`.
struct HeldDestinations: Equatable {
    var isEverything = false
    var destinations: Set<Destination> = []

    func contains(_ destination: Destination) -> Bool {
        self.isEverything || self.destinations.contains(destination)
    }
}

extension HeldDestinations {
    /// From pairs of exchange and routing key, of which one with nulls means everything; nil for no pairs.
    init(json: String?) throws {
        guard let json else { return }
        for pair in try JSONDecoder().decode([[String?]].self, from: Data(json.utf8)) {
            if pair.count == 2, let exchange = pair[0], let routingKey = pair[1] {
                self.destinations.insert(Destination(exchange: exchange, routingKey: routingKey))
            } else {
                self.isEverything = true
            }
        }
    }
}
