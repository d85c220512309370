"""The private servers of one machine: started by ``foretide up`` and the tests, gone with their owner."""
