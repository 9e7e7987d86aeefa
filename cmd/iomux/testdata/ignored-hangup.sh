# A signal that iomux was started with ignoring stays so (nohup).
trap '' HUP
run $iomux sh -c 'kill -HUP $$; echo alive'
exits 0
prints 'alive\n'
