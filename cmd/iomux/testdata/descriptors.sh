# Other descriptors are passed on, such as those of make's jobserver.
echo from three >file
run $iomux sh -c 'cat <&3' 3<file
prints 'from three\n'
