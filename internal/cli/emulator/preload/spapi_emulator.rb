# Written by spapi. Ruby loads this before a program (RUBYOPT=-rspapi_emulator): it leads connections to Amazon's hosts to the emulator, for libraries that
# heed no proxy variable, and leaves all others alone. It requires no gem, whose version might not be the program's.
require "socket"

module SpapiEmulator
  HOSTS = File.read(File.expand_path("../hosts.txt", __dir__)).split.freeze

  def self.lead(host, port)
    return [host, port] unless HOSTS.include?(host.to_s.downcase.chomp("."))

    at, _, number = ENV["SPAPI_EMULATOR_ADDRESS"].to_s.rpartition(":")
    unless number.match?(/\A\d+\z/) # never on to Amazon
      raise SocketError, "spapi emulator: SPAPI_EMULATOR_ADDRESS does not tell where it is: no connection to #{host}"
    end
    [at.delete("[]"), number.to_i]
  end

  module TCPSocket
    def initialize(host, port, *args, **more, &block) = super(*SpapiEmulator.lead(host, port), *args, **more, &block)
  end

  module Socket
    def tcp(host, port, *args, **more, &block) = super(*SpapiEmulator.lead(host, port), *args, **more, &block)
  end

  module Addrinfo
    def getaddrinfo(host, port = nil, *args, **more) = super(*SpapiEmulator.lead(host, port), *args, **more)
  end
end

Addrinfo.singleton_class.prepend(SpapiEmulator::Addrinfo)
TCPSocket.prepend(SpapiEmulator::TCPSocket)
Socket.singleton_class.prepend(SpapiEmulator::Socket)
