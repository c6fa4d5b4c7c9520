/// The servers of one attempt to connect, in libpq's order.
///
/// libpq moves on to the next server by itself when one refuses, but only its blocking calls do so when one is silent.
struct ServerList: Hashable {
    private var hosts: [String]
    private var addresses: [String]
    private var ports: [String]

    /// Takes the options in force, i.e. after URI, service file and environment.
    init(options: [String: String]) {
        func list(_ keyword: String) -> [String] {
            guard let value = options[keyword], !value.isEmpty else { return [] }
            return value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        self.hosts = list("host")
        self.addresses = list("hostaddr")
        self.ports = list("port")
    }

    /// Leaves the servers behind the one that is silent; `nil` when there are none.
    func after(host: String, port: String) -> ServerList? {
        let count = max(self.hosts.count, self.addresses.count)
        let silent = (0..<count).first { index in
            let name =
                index < self.hosts.count && !self.hosts[index].isEmpty ? self.hosts[index] : self.addresses[index]
            return name == host && (self.port(at: index) ?? port) == port
        }
        guard let silent, silent + 1 < count else { return nil }
        var rest = self
        rest.hosts.removeFirst(min(silent + 1, self.hosts.count))
        rest.addresses.removeFirst(min(silent + 1, self.addresses.count))
        if self.ports.count > 1 { rest.ports.removeFirst(min(silent + 1, self.ports.count)) }
        return rest
    }

    /// What to put behind the connection string.
    var keywords: [(keyword: String, value: String)] {
        [("host", self.hosts), ("hostaddr", self.addresses), ("port", self.ports)]
            .filter { !$0.1.isEmpty }
            .map { ($0.0, $0.1.joined(separator: ",")) }
    }

    /// One port stands for all.
    private func port(at index: Int) -> String? {
        self.ports.count > 1 ? self.ports[index] : self.ports.first
    }
}
