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

  # Defined as Ruby 2.6 wants it, which macOS has: without "=", and without "**", of which it makes an argument.
  module TCPSocket
    def initialize(host, port, *args, &block)
      super(*SpapiEmulator.lead(host, port), *args, &block)
    end
    ruby2_keywords(:initialize) if respond_to?(:ruby2_keywords, true)
  end

  module Socket
    def tcp(host, port, *args, &block)
      super(*SpapiEmulator.lead(host, port), *args, &block)
    end
    ruby2_keywords(:tcp) if respond_to?(:ruby2_keywords, true)
  end

  module Addrinfo
    def getaddrinfo(host, port = nil, *args)
      super(*SpapiEmulator.lead(host, port), *args)
    end
    ruby2_keywords(:getaddrinfo) if respond_to?(:ruby2_keywords, true)
  end
end

Addrinfo.singleton_class.prepend(SpapiEmulator::Addrinfo)
TCPSocket.prepend(SpapiEmulator::TCPSocket)
Socket.singleton_class.prepend(SpapiEmulator::Socket)
